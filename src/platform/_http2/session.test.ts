import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HeaderList } from "../types.ts";
import { preface } from "./frame.ts";
import { createHuffmanTable } from "./huffman.ts";
import { Http2Session, type SessionOptions } from "./session.ts";
import type { Http2Stream } from "./stream.ts";

const huffman = createHuffmanTable();

interface Side {
  readonly session: Http2Session;
  readonly sent: Buffer[];
  /** Bytes that the transport still takes. */
  room: number;
  ended: boolean;
}

function openSide(options: Partial<SessionOptions> & Pick<SessionOptions, "role">): Side {
  const side = { sent: [] as Buffer[], room: Number.POSITIVE_INFINITY, ended: false } as unknown as Side & {
    session: Http2Session;
  };
  side.session = new Http2Session({
    huffman,
    transport: {
      write(bytes) {
        const taken = Math.min(bytes.length, side.room);
        side.room -= taken;
        if (taken > 0) side.sent.push(Buffer.from(bytes.subarray(0, taken)));
        return taken;
      },
      end: () => {
        side.ended = true;
      },
    },
    ...options,
  });
  return side;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Carries bytes both ways until nobody has any, in pieces of the given size. */
async function carry(a: Side, b: Side, piece = Number.POSITIVE_INFINITY): Promise<void> {
  for (let quiet = 0; quiet < 2; ) {
    await turn();
    quiet = a.sent.length + b.sent.length === 0 ? quiet + 1 : 0;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const bytes = Buffer.concat(from.sent.splice(0));
      for (let at = 0; at < bytes.length; at += piece) to.session.receive(bytes.subarray(at, at + piece));
    }
  }
}

function frame(type: number, flags: number, id: number, payload: Uint8Array | string = ""): Buffer {
  const body = typeof payload === "string" ? Buffer.from(payload, "hex") : Buffer.from(payload);
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, body]);
}

/** Frames that a side sent: type, flags, stream and payload. */
function framesOf(side: Side): { type: number; flags: number; id: number; payload: Buffer }[] {
  const bytes = Buffer.concat(side.sent);
  const found = [];
  for (let at = bytes.toString("latin1", 0, 3) === "PRI" ? preface.length : 0; at < bytes.length; ) {
    const size = bytes.readUIntBE(at, 3);
    const payload = bytes.subarray(at + 9, at + 9 + size);
    found.push({ type: bytes[at + 3] ?? 0, flags: bytes[at + 4] ?? 0, id: bytes.readUInt32BE(at + 5), payload });
    at += 9 + size;
  }
  return found;
}

const settings = frame(4, 0, 0);
// :method POST, :scheme http, :path /
const request = "838684";
const greeting = Buffer.concat([Buffer.from(preface), settings]);

function openServer(options: Partial<SessionOptions> = {}) {
  const streams: { stream: Http2Stream; list: HeaderList; data: string; ended: boolean; resets: number[] }[] = [];
  const side = openSide({
    role: "server",
    onStream(stream, list) {
      const seen = { stream, list, data: "", ended: false, resets: [] as number[] };
      streams.push(seen);
      stream.events = {
        onData: (chunk) => {
          seen.data += Buffer.from(chunk).toString();
        },
        onEnd: () => {
          seen.ended = true;
        },
        onReset: (code) => seen.resets.push(code),
        onDrain() {},
      };
    },
    ...options,
  });
  return { side, streams };
}

for (const [what, bytes, code] of [
  ["another protocol", Buffer.from("GET / HTTP/1.1\r\n\r\n"), 1],
  ["no SETTINGS first", Buffer.concat([Buffer.from(preface), frame(6, 0, 0, "0000000000000000")]), 1],
  ["a frame that is too large", Buffer.concat([greeting, frame(0, 0, 1, new Uint8Array(66_561))]), 6],
  ["DATA for stream 0", Buffer.concat([greeting, frame(0, 0, 0, "00")]), 1],
  ["DATA for a stream that never was", Buffer.concat([greeting, frame(0, 0, 5, "00")]), 1],
  ["HEADERS with an even id", Buffer.concat([greeting, frame(1, 4, 2, request)]), 1],
  ["an id that goes back", Buffer.concat([greeting, frame(1, 5, 5, request), frame(1, 4, 3, request)]), 5],
  ["HEADERS without CONTINUATION", Buffer.concat([greeting, frame(1, 0, 1, request), frame(0, 0, 1)]), 1],
  ["CONTINUATION without HEADERS", Buffer.concat([greeting, frame(9, 4, 1, request)]), 1],
  ["padding beyond the frame", Buffer.concat([greeting, frame(1, 4, 1, request), frame(0, 8, 1, "05aa")]), 1],
  ["broken compression", Buffer.concat([greeting, frame(1, 4, 1, "ff")]), 9],
  ["SETTINGS of the wrong size", Buffer.concat([greeting, frame(4, 0, 0, "0001")]), 6],
  ["a window that is too large", Buffer.concat([greeting, frame(4, 0, 0, "0004ffffffff")]), 3],
  ["a frame size that is too small", Buffer.concat([greeting, frame(4, 0, 0, "000500000001")]), 1],
  ["WINDOW_UPDATE by nothing", Buffer.concat([greeting, frame(8, 0, 0, "00000000")]), 1],
  ["WINDOW_UPDATE beyond the largest", Buffer.concat([greeting, frame(8, 0, 0, "7fffffff")]), 3],
  ["PING of the wrong size", Buffer.concat([greeting, frame(6, 0, 0, "00")]), 6],
  ["PUSH_PROMISE", Buffer.concat([greeting, frame(1, 4, 1, request), frame(5, 4, 1, "00000002")]), 1],
  [
    "a flood of empty frames",
    Buffer.concat([greeting, frame(1, 4, 1, request), ...Array(2000).fill(frame(0, 0, 1))]),
    11,
  ],
  ["RST_STREAM for a stream that never was", Buffer.concat([greeting, frame(3, 0, 1, "00000008")]), 1],
] as const)
  test(`${what} costs the connection, with code ${code}`, async () => {
    for (const piece of [1, 7, bytes.length]) {
      const { side } = openServer();
      for (let at = 0; at < bytes.length; at += piece) side.session.receive(bytes.subarray(at, at + piece));
      await turn();
      const goaway = framesOf(side).find(({ type }) => type === 7);
      assert.equal(goaway?.payload.readUInt32BE(4), code);
      assert.ok(side.ended && side.session.isClosed);
    }
  });

for (const [what, block, code] of [
  ["a name in capitals", `${request}0001410162`, 1],
  ["a header of HTTP/1.1", `${request}000a636f6e6e656374696f6e0161`, 1],
  ["a pseudo header after others", "8386000161016284", 1],
  ["an unknown pseudo header", `${request}00023a610162`, 1],
  ["a pseudo header twice", `${request}83`, 1],
  ["no path", "8386", 1],
  ["te with more than trailers", `${request}00027465036162630a`.slice(0, -2), 1],
] as const)
  test(`${what} costs the stream alone`, async () => {
    const { side, streams } = openServer();
    side.session.receive(Buffer.concat([greeting, frame(1, 5, 1, block), frame(1, 5, 3, request)]));
    await turn();
    const reset = framesOf(side).find(({ type }) => type === 3);
    assert.deepEqual([reset?.id, reset?.payload.readUInt32BE(0)], [1, code]);
    assert.deepEqual(
      streams.map(({ stream }) => stream.id),
      [3],
    );
  });

test("padding, priority, continuation, unknown frames and settings are read however they are cut", async () => {
  const bytes = Buffer.concat([
    greeting,
    frame(0x42, 0xff, 0, "aabb"),
    frame(2, 0, 1, "0000000000"),
    frame(1, 0x28, 1, `03${"0000000000"}${request.slice(0, 2)}000000`),
    frame(9, 0, 1, request.slice(2, 4)),
    frame(9, 4, 1, request.slice(4)),
    frame(0, 8, 1, "026869aabb"),
    frame(0, 8, 1, "00"),
    frame(0, 0, 1, Buffer.from(" there")),
    frame(1, 5, 1, "000161016200016101"),
  ]);
  const whole = Buffer.concat([bytes.subarray(0, -18), frame(1, 5, 1, "0001610162")]);
  for (const piece of [1, 2, 3, 5, 11, whole.length]) {
    const { side, streams } = openServer();
    for (let at = 0; at < whole.length; at += piece) side.session.receive(whole.subarray(at, at + piece));
    assert.deepEqual(
      streams.map(({ data, ended, list }) => [data, ended, list[":path"]]),
      [["hi there", true, "/"]],
    );
    assert.equal(side.session.isClosed, false);
  }
});

test("a promised length that is not kept is the stream's fault", async () => {
  const { side, streams } = openServer();
  const block = `${request}000e636f6e74656e742d6c656e6774680135`;
  side.session.receive(Buffer.concat([greeting, frame(1, 4, 1, block), frame(0, 1, 1, Buffer.from("four"))]));
  assert.deepEqual([streams[0]?.ended, streams[0]?.resets], [false, [1]]);
});

test("more resets than allowed cost the connection", async () => {
  let left = 3;
  const { side } = openServer({ mayReset: () => --left >= 0 });
  side.session.receive(greeting);
  for (let id = 1; id < 20 && !side.session.isClosed; id += 2)
    side.session.receive(Buffer.concat([frame(1, 4, id, request), frame(3, 0, id, "00000008")]));
  assert.equal(
    framesOf(side)
      .find(({ type }) => type === 7)
      ?.payload.readUInt32BE(4),
    11,
  );
});

test("a peer that pings and does not read is given up", async () => {
  const { side } = openServer();
  side.session.receive(greeting);
  await turn();
  side.room = 10;
  const pings = Buffer.concat(Array(1000).fill(frame(6, 0, 0, "0000000000000000")));
  for (let round = 0; round < 200 && !side.session.isClosed; round++) {
    side.session.receive(pings);
    await turn();
  }
  assert.ok(side.session.isClosed);
});

test("a paused stream holds its peer back and no other stream", async () => {
  const { side: server, streams } = openServer();
  const client = openSide({ role: "client", defaults: { ":method": "POST", ":scheme": "http", ":path": "/" } });
  const events = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };
  const slow = client.session.open({}, events);
  await carry(client, server);
  streams[0]?.stream.pause();
  const megabyte = new Uint8Array(1 << 20).fill(97);
  let accepted = 0;
  while (slow.write(megabyte) && accepted < 64) accepted++;
  await carry(client, server);
  assert.equal(slow.write(megabyte), false);
  assert.equal(streams[0]?.data, "");
  const quick = client.session.open({}, events);
  quick.endWith(Buffer.from("quick"));
  await carry(client, server);
  assert.equal(streams[1]?.data, "quick");
  slow.end();
  streams[0]?.stream.resume();
  await carry(client, server);
  assert.equal(streams[0]?.data.length, (accepted + 2) << 20);
  assert.equal(streams[0]?.ended, true);
});

test("streams beyond the peer's number wait for their turn", async () => {
  const client = openSide({ role: "client", defaults: { ":method": "POST", ":scheme": "http", ":path": "/" } });
  client.session.receive(frame(4, 0, 0, "000300000001"));
  const events = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };
  const streams = ["a", "b"].map((text) => {
    const stream = client.session.open({}, events);
    stream.endWith(Buffer.from(text));
    return stream;
  });
  await turn();
  assert.deepEqual(
    streams.map(({ id }) => id),
    [1, 0],
  );
  client.session.receive(frame(1, 5, 1, "88"));
  await turn();
  assert.deepEqual(
    streams.map(({ id }) => id),
    [1, 3],
  );
  assert.deepEqual(
    framesOf(client)
      .filter(({ type }) => type === 0)
      .map(({ id, payload }) => `${id}${payload}`),
    ["1a", "3b"],
  );
});

test("GOAWAY fails what the peer will not process, and lets the rest finish", async () => {
  const client = openSide({ role: "client", defaults: { ":method": "POST", ":scheme": "http", ":path": "/" } });
  client.session.receive(settings);
  const outcome: string[] = [];
  for (const name of ["first", "second"])
    client.session.open(
      {},
      {
        onData() {},
        onEnd: () => outcome.push(`${name} ended`),
        onReset: (code) => outcome.push(`${name} reset ${code}`),
        onDrain() {},
      },
    );
  client.session.receive(frame(7, 0, 0, "0000000100000000"));
  assert.deepEqual(outcome, ["second reset 7"]);
  client.session.receive(frame(1, 5, 1, "88"));
  assert.deepEqual(outcome, ["second reset 7", "first ended"]);
  assert.equal(client.session.lastProcessed, 1);
});

test("any bodies over any cuts arrive whole and in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.nat({ max: 200_000 }), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(997, 4096, 65_536, Number.POSITIVE_INFINITY),
      async (bodies, piece) => {
        const { side: server, streams } = openServer();
        const client = openSide({ role: "client", defaults: { ":method": "POST", ":scheme": "http", ":path": "/" } });
        const events = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };
        const expected = bodies.map((sizes, index) => {
          const stream = client.session.open({ "x-index": `${index}` }, events);
          const chunks = sizes.map((size, at) => Buffer.alloc(size, 97 + ((index + at) % 26)));
          for (const chunk of chunks) stream.write(chunk);
          stream.end();
          return Buffer.concat(chunks).toString();
        });
        await carry(client, server, piece);
        assert.deepEqual(
          streams.map(({ data, ended }) => [data.length, ended]),
          expected.map((text) => [text.length, true]),
        );
        assert.ok(streams.every(({ data }, index) => data === expected[index]));
      },
    ),
    { numRuns: 25 },
  );
});

test("random frames never throw out of a connection", async () => {
  const anyFrame = fc
    .tuple(fc.nat({ max: 10 }), fc.nat({ max: 255 }), fc.constantFrom(0, 1, 2, 3, 5), fc.uint8Array({ maxLength: 40 }))
    .map(([type, flags, id, payload]) => frame(type, flags, id, payload));
  await fc.assert(
    fc.asyncProperty(fc.array(anyFrame, { maxLength: 12 }), async (frames) => {
      const { side } = openServer();
      side.session.receive(greeting);
      side.session.receive(frame(1, 4, 1, request));
      for (const one of frames) side.session.receive(one);
      await turn();
      assert.equal(side.ended, side.session.isClosed);
    }),
    { numRuns: 1500 },
  );
});
