import assert from "node:assert/strict";
import { test } from "node:test";
import { Http1Answer } from "./http1-answer.ts";

const utf8 = new TextEncoder();

/** Feeds the text in pieces of the given size; gives the offsets at which an answer was complete. */
const feed = (text: string, size: number): { ends: number[]; answer: Http1Answer } => {
  const answer = new Http1Answer();
  const bytes = utf8.encode(text);
  const ends: number[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.slice(at, at + size);
    if (answer.read(piece, piece.length)) ends.push(at + piece.length);
  }
  return { ends, answer };
};

const lengthAnswer = "HTTP/1.1 200 OK\r\nX: content-length: 9\r\nCONTENT-Length:  5\r\nContent-Type: a\r\n\r\nhello";
const chunkedAnswer =
  "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n1f;name=a\r\n0123456789\r\n0\r\n0123456789abcde0\r\n0\r\nTrailer: x\r\n\r\n";

for (const size of [1, 2, 7, 1000]) {
  test(`an answer with a length ends exactly with its body, in pieces of ${size}`, () => {
    const { ends, answer } = feed(lengthAnswer, size);
    assert.deepEqual(ends, [lengthAnswer.length]);
    assert.equal(answer.status, 200);
    assert.equal(answer.bodyBytes, 5);
  });

  test(`a chunked answer ends with its trailers, in pieces of ${size}`, () => {
    const { ends, answer } = feed(chunkedAnswer, size);
    assert.deepEqual(ends, [chunkedAnswer.length]);
    assert.equal(answer.status, 201);
  });
}

test("answers of one connection follow each other, with and without body", () => {
  const answer = new Http1Answer();
  const read = (text: string) => answer.read(utf8.encode(text), text.length);
  assert.equal(read("HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n"), true);
  assert.equal(answer.status, 204);
  assert.equal(read(lengthAnswer), true);
  assert.equal(read("HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n"), true);
  assert.equal(answer.status, 500);
});

test("an answer without framing is refused, as its end could not be told", () => {
  const text = "HTTP/1.1 200 OK\r\n\r\n";
  assert.throws(() => new Http1Answer().read(utf8.encode(text), text.length), /no framing/);
});
