import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { ServerStream } from "../../src/platform/types.ts";
import { bytes, call, createHost, openPair, sleep } from "./host.ts";

/*
 * The programs for defects that runtimes have, or had, in their own HTTP/2, because of which a codec of ours is used. They tell
 * whether a runtime is mended.
 */
const host = await createHost();
const megabyte = 1024 * 1024;

/** Writes `size` bytes, waiting whenever the stream asks to. */
function pour(
  stream: { write(chunk: Uint8Array): boolean },
  size: number,
  onDrain: (go: () => void) => void,
  end: () => void,
) {
  let left = size;
  const go = () => {
    while (left > 0) {
      const chunk = new Uint8Array(Math.min(left, 16_384));
      left -= chunk.length;
      if (!stream.write(chunk)) return;
    }
    if (left === 0) end();
    left = -1;
  };
  onDrain(go);
  go();
}

function serve(stream: ServerStream): void {
  const { path } = stream;
  let received = 0;
  stream.onData = (chunk) => (received += chunk.length);
  if (path === "/bulk") {
    stream.respond({ ":status": "200" });
    pour(
      stream,
      12 * megabyte,
      (go) => (stream.onDrain = go),
      () => stream.end({}),
    );
  } else if (path === "/paused") {
    stream.pause();
    stream.respond({ ":status": "200" });
    stream.onEnd = () => stream.end({});
    stream.write(bytes("x"));
  } else if (path === "/same-turn") {
    stream.respond({ ":status": "200" });
    stream.write(bytes("answer"));
    stream.end({});
  } else if (path === "/later") {
    stream.respond({ ":status": "200" });
    setTimeout(() => {
      stream.write(bytes("answer"));
      stream.end({});
    }, 10);
  } else if (path === "/later-in-pieces") {
    stream.respond({ ":status": "200" });
    setTimeout(() => {
      stream.write(bytes("ans"));
      setTimeout(() => {
        stream.write(bytes("wer"));
        setTimeout(() => stream.end({}), 10);
      }, 10);
    }, 10);
  } else if (path === "/all-later")
    setTimeout(() => {
      stream.respond({ ":status": "200" });
      stream.write(bytes("answer"));
      stream.end({});
    }, 10);
  else if (path === "/count")
    stream.onEnd = () => {
      stream.respond({ ":status": "200" });
      stream.write(bytes(String(received)));
      stream.end({});
    };
  else if (path === "/reset") stream.reset(8);
  else if (path === "/reset-after-request") stream.onEnd = () => stream.reset(2);
  else if (path === "/headers-then-reset") {
    stream.respond({ ":status": "200" });
    stream.reset(8);
  } else if (path.startsWith("/size/")) {
    const size = Number(path.slice(6));
    stream.onEnd = () => {
      stream.respond({ ":status": "200" });
      pour(
        stream,
        size,
        (go) => (stream.onDrain = go),
        () => stream.end({ "x-received": String(received) }),
      );
    };
  }
}

const pair = await openPair(host, serve);
after(() => pair.close());

test("an answer that nobody reads does not hold back other answers of the connection", async () => {
  const bulk = call(pair.client, "/bulk", "");
  await bulk.started;
  bulk.stream.pause();
  await sleep(100);
  for (const path of ["/same-turn", "/all-later", "/later", "/later-in-pieces"]) {
    const other = call(pair.client, path, "");
    await Promise.race([other.finished, sleep(3_000)]);
    assert.deepEqual([path, other.outcome, other.text], [path, "end", "answer"]);
  }
  bulk.stream.resume();
  await bulk.finished;
  assert.deepEqual([bulk.outcome, bulk.received], ["end", 12 * megabyte]);
});

test("a request that nobody reads does not hold back other requests of the connection", async () => {
  const other = await openPair(host, serve);
  let go = () => {};
  const stuck = call(other.client, "/paused", undefined, {}, () => go());
  await stuck.started;
  pour(
    stuck.stream,
    12 * megabyte,
    (resume) => (go = resume),
    () => stuck.stream.end(),
  );
  await sleep(100);
  for (let round = 0; round < 3; round += 1) {
    const late = call(other.client, "/count");
    await sleep(20);
    late.stream.write(bytes("abc"));
    await sleep(20);
    late.stream.end(bytes("def"));
    await Promise.race([late.finished, sleep(3_000)]);
    assert.deepEqual([late.outcome, late.text], ["end", "6"]);
  }
  await other.close();
});

for (const path of ["/reset", "/reset-after-request", "/headers-then-reset"])
  for (const open of path === "/reset-after-request" ? [false] : [false, true])
    test(`${path} with ${open ? "an open" : "a whole"} request spares the connection`, async () => {
      const bystander = call(pair.client, "/later-in-pieces", "");
      const reset = call(pair.client, path, open ? undefined : "abcdef");
      if (open) reset.stream.write(bytes("abcdef"));
      await reset.finished;
      assert.ok(reset.outcome instanceof Error, `${path} is told as an error`);
      assert.equal(reset.outcome.http2Code, path === "/reset-after-request" ? 2 : 8);
      await bystander.finished;
      assert.deepEqual([bystander.outcome, bystander.text, pair.client.connected], ["end", "answer", true]);
    });

test("stall hunt: many workers, mixed sizes, one connection", { timeout: 60_000 }, async () => {
  const sizes = [1_024, 65_536, megabyte, 200_000, 70_000, 0, 16_384];
  const workers = Array.from({ length: 32 }, async (_, worker) => {
    for (let round = 0; round < 10; round += 1) {
      const up = sizes[(worker + round) % sizes.length] as number;
      const down = sizes[(worker * 3 + round) % sizes.length] as number;
      const done = call(pair.client, `/size/${down}`, new Uint8Array(up));
      await done.finished;
      assert.deepEqual([done.outcome, done.received, done.trailers["x-received"]], ["end", down, String(up)]);
    }
  });
  await Promise.all(workers);
  assert.equal(pair.client.openStreams, 0);
});

const lawfulResets = 5_000;

test("a client that cancels many requests keeps its connection", { timeout: 60_000 }, async () => {
  const other = await openPair(host, (stream) => {
    if (stream.path !== "/keep") return;
    stream.respond({ ":status": "200" });
    stream.onData = (chunk) => stream.write(chunk);
    stream.onEnd = () => stream.end({});
  });
  const keep = call(other.client, "/keep");
  for (let done = 0; done < lawfulResets; done += 100) {
    const batch = Array.from({ length: 100 }, () => call(other.client, "/cancel-me"));
    await undefined;
    for (const one of batch) one.stream.reset(8);
    await sleep(0);
  }
  keep.stream.end(bytes("alive"));
  await keep.finished;
  assert.deepEqual([keep.outcome, keep.text], ["end", "alive"]);
  await other.close();
});

test("a client that opens and resets streams without end loses its connection", { timeout: 60_000 }, async () => {
  const other = await openPair(host, (stream) => {
    if (stream.path !== "/keep") return;
    stream.respond({ ":status": "200" });
    stream.write(bytes("x"));
  });
  const keep = call(other.client, "/keep");
  await keep.started;
  let rounds = 0;
  while (keep.outcome === undefined && rounds < 4_000) {
    const batch = Array.from({ length: 10 }, () => call(other.client, "/reset-me"));
    await undefined;
    for (const one of batch) one.stream.reset(8);
    rounds += 1;
    if (rounds % 10 === 0) await sleep(0);
  }
  await keep.finished;
  assert.ok(keep.outcome instanceof Error);
  await other.close();
});
