import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes, encodeUtf8 } from "../bytes.ts";
import { FrameReader, WebSocketFault } from "./frame-reader.ts";
import { closePayload, encodeFrame, opcodes } from "./frames.ts";
import { acceptKey, asksForWebSocket } from "./handshake.ts";

const mask = Uint8Array.of(1, 200, 3, 77);

function read(bytes: readonly Uint8Array[], options: { isMasked?: boolean; maxMessageBytes?: number } = {}) {
  const seen: (readonly [string, ...unknown[]])[] = [];
  const reader = new FrameReader(
    { isMasked: options.isMasked ?? false, maxMessageBytes: options.maxMessageBytes ?? 1 << 20 },
    {
      onText: (text) => void seen.push(["text", text]),
      onBinary: (data) => void seen.push(["binary", [...data]]),
      onPing: (data) => void seen.push(["ping", [...data]]),
      onPong: (data) => void seen.push(["pong", [...data]]),
      onClose: (code, reason) => void seen.push(["close", code, reason]),
    },
  );
  for (const chunk of bytes) reader.push(chunk);
  return seen;
}

const fault = (code: number) => (error: unknown) => error instanceof WebSocketFault && error.code === code;
/** A frame by hand: first byte and payload. */
const raw = (first: number, payload: Uint8Array) => Uint8Array.of(first, payload.length, ...payload);

test("frames come out as they went in, however they are cut, masked or not", () => {
  const message = fc.oneof(
    fc.record({ kind: fc.constant("text"), data: fc.string().map(encodeUtf8) }),
    fc.record({ kind: fc.constantFrom("binary", "ping", "pong"), data: fc.uint8Array({ maxLength: 120 }) }),
    fc.record({
      kind: fc.constant("binary"),
      data: fc.integer({ min: 100, max: 70_000 }).map((size) => new Uint8Array(size).fill(7)),
    }),
  );
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 6 }),
      fc.boolean(),
      fc.array(fc.nat(300)),
      (messages, isMasked, cuts) => {
        const frames = messages.map(({ kind, data }) =>
          encodeFrame(opcodes[kind as "text" | "binary" | "ping" | "pong"], data, isMasked ? mask : undefined),
        );
        let rest = concatBytes(frames);
        const pieces: Uint8Array[] = [];
        for (const cut of cuts) {
          pieces.push(rest.subarray(0, cut));
          rest = rest.subarray(cut);
        }
        const seen = read([...pieces, rest], { isMasked });
        const expected = messages.map(({ kind, data }) => [
          kind,
          kind === "text" ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(data) : [...data],
        ]);
        assert.deepEqual(seen, expected);
      },
    ),
    { numRuns: 60 },
  );
});

test("random bytes give messages or a fault, never anything else", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.boolean(), (chunks, isMasked) => {
      try {
        read(chunks, { isMasked, maxMessageBytes: 1000 });
      } catch (error) {
        assert.ok(error instanceof WebSocketFault);
      }
    }),
  );
});

test("fragments make one message; control frames may come between them", () => {
  const seen = read([
    raw(0x01, encodeUtf8("hel")),
    raw(0x89, Uint8Array.of(1)),
    raw(0x00, encodeUtf8("l")),
    raw(0x80, encodeUtf8("o €")),
    raw(0x82, new Uint8Array(0)),
  ]);
  assert.deepEqual(seen, [
    ["ping", [1]],
    ["text", "hello €"],
    ["binary", []],
  ]);
});

test("a close frame is the last; one without a code is 1005", () => {
  assert.deepEqual(read([raw(0x88, closePayload(4001, "why")), raw(0x81, encodeUtf8("x"))]), [["close", 4001, "why"]]);
  assert.deepEqual(read([raw(0x88, closePayload(1005, ""))]), [["close", 1005, ""]]);
  assert.equal(closePayload(1000, "é".repeat(100)).length, 124);
});

test("what breaks the protocol is refused with the code that says so", () => {
  const cases: readonly (readonly [string, number, Uint8Array[]])[] = [
    ["a reserved bit", 1002, [raw(0xc1, encodeUtf8("x"))]],
    ["an unknown kind", 1002, [raw(0x83, encodeUtf8("x"))]],
    ["an unknown control frame", 1002, [raw(0x8b, encodeUtf8("x"))]],
    ["a fragmented ping", 1002, [raw(0x09, encodeUtf8("x"))]],
    ["a long ping", 1002, [encodeFrame(opcodes.ping, new Uint8Array(126))]],
    ["a continuation of nothing", 1002, [raw(0x80, encodeUtf8("x"))]],
    ["a message within a message", 1002, [raw(0x01, encodeUtf8("x")), raw(0x81, encodeUtf8("y"))]],
    ["a masked frame of a server", 1002, [encodeFrame(opcodes.text, encodeUtf8("x"), mask)]],
    ["half a close code", 1002, [raw(0x88, Uint8Array.of(3))]],
    ["a close code that nobody may send", 1002, [raw(0x88, Uint8Array.of(3, 0xee))]],
    ["text that is none", 1007, [raw(0x81, Uint8Array.of(0xff))]],
    ["a long message", 1009, [encodeFrame(opcodes.binary, new Uint8Array(2000))]],
    ["a long message in fragments", 1009, [raw(0x02, new Uint8Array(120)), encodeFrame(0, new Uint8Array(900))]],
  ];
  for (const [what, code, chunks] of cases) {
    assert.throws(() => read(chunks, { maxMessageBytes: 1000 }), fault(code), what);
  }
  assert.throws(() => read([raw(0x81, encodeUtf8("x"))], { isMasked: true }), fault(1002));
});

test("the handshake's key and the requests that ask for it", async () => {
  assert.equal(await acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const asks = (method: string, headers: Record<string, string>) => asksForWebSocket(method, new Headers(headers));
  assert.equal(asks("GET", { upgrade: "WebSocket", connection: "keep-alive, Upgrade" }), true);
  assert.equal(asks("GET", { upgrade: "h2c", connection: "Upgrade" }), false);
  assert.equal(asks("GET", { upgrade: "websocket", connection: "x-named" }), false);
  assert.equal(asks("POST", { upgrade: "websocket", connection: "Upgrade" }), false);
  assert.equal(asks("GET", {}), false);
});
