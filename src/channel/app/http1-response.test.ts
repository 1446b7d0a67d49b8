import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concatBytes } from "../../kit/bytes.ts";
import type { HeaderLines } from "../../kit/http-message.ts";
import { type ResponseHead, ResponseReader } from "./http1-response.ts";
import { MalformedMessage } from "./malformed-message.ts";

interface Seen {
  head: ResponseHead | undefined;
  body: Uint8Array;
  trailers: HeaderLines | undefined;
  isClean: boolean;
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** Feeds the pieces to a reader that waits for the answer to `method`. */
function read(pieces: readonly Uint8Array[], method = "GET", max = 4096, closes = false): Seen {
  const chunks: Uint8Array[] = [];
  const seen: Seen = { head: undefined, body: new Uint8Array(0), trailers: undefined, isClean: true };
  const reader = new ResponseReader(max);
  reader.begin(method, {
    onHead: (head) => {
      seen.head = head;
    },
    onBody: (chunk) => chunks.push(chunk),
    onEndOfMessage: (trailers) => {
      seen.trailers = trailers;
    },
  });
  for (const piece of pieces) if (!reader.push(piece)) seen.isClean = false;
  if (closes) seen.isClean = reader.end();
  seen.body = concatBytes(chunks);
  return seen;
}
const readText = (answer: string, method?: string, closes = false): Seen =>
  read([latin1(answer)], method, 4096, closes);

describe("an answer", () => {
  it("with a length", () => {
    const seen = readText(
      "HTTP/1.1 201 Created\r\nContent-Type: text/plain \r\nX-A:  b\tc \r\nContent-Length: 5\r\n\r\nhello",
    );
    assert.deepEqual(seen.head, {
      status: 201,
      headers: [
        ["content-type", "text/plain"],
        ["x-a", "b\tc"],
        ["content-length", "5"],
      ],
      length: 5,
      isReusable: true,
    });
    assert.equal(text(seen.body), "hello");
    assert.deepEqual(seen.trailers, []);
  });

  it("in chunks, with extensions and trailers", () => {
    const seen = readText(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;a="b"\r\nhello\r\n00A \r\n, world 12\r\n0\r\nX-Sum: 9\r\nx-b: 1\r\n\r\n',
    );
    assert.equal(text(seen.body), "hello, world 12");
    assert.deepEqual(seen.trailers, [
      ["x-sum", "9"],
      ["x-b", "1"],
    ]);
    assert.equal(seen.head?.isReusable, true);
  });

  it("that only the close ends", () => {
    const seen = readText("HTTP/1.1 200 OK\r\n\r\nabc", "GET", true);
    assert.equal(text(seen.body), "abc");
    assert.deepEqual(seen.trailers, []);
    assert.equal(seen.head?.length, -1);
    assert.equal(seen.head?.isReusable, false);
    assert.equal(seen.isClean, true);
  });

  it("cut short", () => {
    assert.equal(readText("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "GET", true).isClean, false);
    assert.equal(readText("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "GET", true).isClean, false);
    assert.equal(readText("HTTP/1.1 200 OK\r\nA: b", "GET", true).isClean, false);
  });

  it("without a body whatever it says: HEAD, 204, 304", () => {
    for (const [answer, method] of [
      ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"],
      ["HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "GET"],
      ["HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "GET"],
    ] as const) {
      const seen = readText(answer, method);
      assert.deepEqual(seen.trailers, [], answer);
      assert.equal(seen.head?.isReusable, true);
    }
  });

  it("behind interim answers", () => {
    const seen = readText(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz",
    );
    assert.equal(seen.head?.status, 200);
    assert.equal(text(seen.body), "z");
    assert.throws(() => readText("HTTP/1.1 100 Continue\r\n\r\n".repeat(6)), /too many 1xx/);
  });

  it("with lone line feeds, a folded line, repeated names and bytes beyond ASCII", () => {
    const seen = readText("HTTP/1.1 200\nA: 1\n  2\nSet-Cookie: x\nSet-Cookie: \x80\xe9\xff\nContent-Length: 0\n\n");
    assert.deepEqual(seen.head?.headers, [
      ["a", "1 2"],
      ["set-cookie", "x"],
      ["set-cookie", "\x80\xe9\xff"],
      ["content-length", "0"],
    ]);
  });

  it("whose connection ends with it", () => {
    for (const answer of [
      "HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    ]) {
      assert.equal(readText(answer).head?.isReusable, false, answer);
    }
    assert.equal(
      readText("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n").head?.isReusable,
      true,
    );
  });

  it("with more behind it is not clean", () => {
    assert.equal(readText("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab").isClean, false);
    assert.equal(readText("HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").isClean, false);
  });
});

describe("what breaks the rules", () => {
  for (const [answer, reason] of [
    ["HTTP/2 200 OK\r\n\r\n", /malformed HTTP response/],
    ["HTTP/1.9 200 OK\r\n\r\n", /malformed HTTP version "HTTP\/1.9"/],
    ["HTTP/1.1 20 OK\r\n\r\n", /malformed HTTP status code/],
    ["HTTP/1.1 2000 OK\r\n\r\n", /malformed HTTP status code/],
    ["hello\r\n\r\n", /malformed HTTP response "hello"/],
    ["HTTP/1.1 200 OK\r\nno colon\r\n\r\n", /malformed MIME header line/],
    ["HTTP/1.1 200 OK\r\nname : v\r\n\r\n", /malformed MIME header line/],
    ["HTTP/1.1 200 OK\r\n: v\r\n\r\n", /malformed MIME header line/],
    ["HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n", /malformed MIME header line/],
    ["HTTP/1.1 200 OK\r\n folded: first\r\n\r\n", /malformed MIME header line/],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", /multiple Content-Length/],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", /multiple Content-Length/],
    ["HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", /bad Content-Length "\+1"/],
    ["HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n", /bad Content-Length/],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", /unsupported transfer encoding/],
    ["HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", /unsupported transfer encoding/],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", /invalid byte in chunk length/],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", /invalid byte in chunk length/],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111\r\n", /chunk length too large/],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", /malformed chunked encoding/],
    [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${"x".repeat(5000)}`, /header line too long/],
    [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: ${"x".repeat(5000)}`, /long trailer/],
    [`HTTP/1.1 200 OK\r\na: ${"x".repeat(5000)}`, /headers exceeded 4096 bytes/],
    [`HTTP/1.1 200 OK\r\na: ${"x".repeat(5000)}\r\n\r\n`, /headers exceeded 4096 bytes/],
  ] as const) {
    it(JSON.stringify(answer.slice(0, 70)), () => assert.throws(() => readText(answer), reason));
  }
});

/** Cuts bytes at random places. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const place of [...places, bytes.length]) {
    parts.push(bytes.slice(at, place));
    at = place;
  }
  return parts;
}

const field = fc.tuple(fc.stringMatching(/^x-[a-z0-9-]{1,8}$/), fc.stringMatching(/^[!-~](?:[ -~]{0,12}[!-~])?$/));
const cutsOf = fc.array(fc.nat({ max: 1 << 16 }), { maxLength: 30 });

describe("however it is cut", () => {
  it("gives the same answer", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
        fc.array(field, { maxLength: 6 }),
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 }),
        fc.boolean(),
        cutsOf,
        (status, fields, parts, isChunked, cuts) => {
          const body = concatBytes(parts);
          const head = `HTTP/1.1 ${status} Any\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}`;
          const rest = isChunked
            ? concatBytes([
                latin1("transfer-encoding: chunked\r\n\r\n"),
                ...parts.flatMap((part) => [latin1(`${part.length.toString(16)}\r\n`), part, latin1("\r\n")]),
                latin1("0\r\n\r\n"),
              ])
            : concatBytes([latin1(`content-length: ${body.length}\r\n\r\n`), body]);
          const seen = read(pieces(concatBytes([latin1(head), rest]), cuts));
          assert.equal(seen.head?.status, status);
          assert.deepEqual(seen.head?.headers.slice(0, -1), fields);
          assert.deepEqual(seen.body, body);
          assert.deepEqual(seen.trailers, []);
          assert.equal(seen.isClean, true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("garbage is refused or waited for, never more than that", () => {
    const near = fc.string({ maxLength: 200, unit: fc.constantFrom(..."HTP/1.20 \r\n:;-achunked5f") }).map(latin1);
    const start = fc.constantFrom("", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    fc.assert(
      fc.property(start, fc.oneof(near, fc.uint8Array({ maxLength: 400 })), cutsOf, (head, noise, cuts) => {
        try {
          read(pieces(concatBytes([latin1(head), noise]), cuts), "GET", 4096, true);
        } catch (error) {
          assert.ok(error instanceof MalformedMessage, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
