import assert from "node:assert/strict";
import { test } from "node:test";
import { createStamp, encodeHttp1Request, reserveCounters } from "./http1-request.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("a request carries its length, and counters of path and body count up together and wrap", () => {
  const body = new TextEncoder().encode(reserveCounters('{"key":"{seq}"}'));
  const headers = [["Content-Type", "application/json"]] as const;
  const bytes = encodeHttp1Request({ method: "POST", host: "127.0.0.1:1", path: "/a/{seq}", headers, body });
  const stamp = createStamp(bytes, 12);
  const expected = (counter: string) =>
    `POST /a/${counter} HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{"key":"${counter}"}`;
  for (let turn = 0; turn < 24; turn++) {
    stamp();
    assert.equal(text(bytes), expected(String(turn % 12).padStart(8, "0")));
  }
});

test("a counter starts where it is told, and wraps to 0", () => {
  const bytes = new TextEncoder().encode(reserveCounters("{seq}"));
  const stamp = createStamp(bytes, 102, 100);
  const seen = [0, 1, 2].map(() => {
    stamp();
    return new TextDecoder().decode(bytes);
  });
  assert.deepEqual(seen, ["00000100", "00000101", "00000000"]);
});
