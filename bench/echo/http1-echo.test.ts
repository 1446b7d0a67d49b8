import assert from "node:assert/strict";
import { test } from "node:test";

const utf8 = new TextEncoder();
const skip = typeof Bun === "undefined" ? "needs Bun" : false;
const answerTo = async (text: string, size: number): Promise<string> => {
  const { createHttp1Echo } = await import("./http1-echo.ts");
  let answer = "";
  const session = createHttp1Echo(3)((room, end) => {
    answer += new TextDecoder().decode(room.bytes.subarray(0, end));
  });
  const bytes = utf8.encode(text);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.slice(at, at + size);
    session(piece, piece.length);
  }
  return answer;
};
const expected = (body: string) =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

for (const size of [1, 13, 1000]) {
  test(`GET, POST, chunked POST and a sidecar's question on one connection, in pieces of ${size}`, {
    skip,
  }, async () => {
    const requests = [
      "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
      "GET /dapr/config HTTP/1.1\r\n\r\n",
    ];
    const missing = "HTTP/1.1 404 Not Found\r\nContent-Type: application/octet-stream\r\nContent-Length: 0\r\n\r\n";
    assert.equal(
      await answerTo(requests.join(""), size),
      expected("aaa") + expected("hello") + expected("abcde") + missing,
    );
  });
}
