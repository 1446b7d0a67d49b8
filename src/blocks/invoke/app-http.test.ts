import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpCall } from "../../kit/http-message.ts";
import type { Invocation } from "../../kit/invocation.ts";
import { createHttpTarget } from "./app-http.ts";

const call = { signal: new AbortController().signal, trace: { traceparent: "", tracestate: "", baggage: "" } };
const request: Invocation = {
  wire: "grpc",
  method: "m",
  verb: "GET",
  query: "",
  contentType: "",
  typeUrl: "",
  headers: [],
  body: null,
};

async function sent(query: string): Promise<HttpCall | string> {
  let seen: HttpCall | undefined;
  const channel = {
    async call(asked: HttpCall) {
      seen = asked;
      return { status: 200, headers: [], body: null };
    },
  };
  const target = createHttpTarget(channel, "http://127.0.0.1:3000");
  return target.invoke({ ...request, query }, call).then(
    () => seen as HttpCall,
    (error: Error) => error.message,
  );
}

test("a query with control characters is refused: it could be the end of the request and the start of another", async () => {
  for (const query of ["a=b\r\nx: 1", "a\nb", "a=\0", "a=\x7f"]) {
    const shown = JSON.stringify(`http://127.0.0.1:3000/m?${query}`)
      .replace("\\u0000", "\\x00")
      .replace("\x7f", "\\x7f");
    assert.equal(await sent(query), `parse ${shown}: net/url: invalid control character in URL`);
  }
});

test("a query ends where a fragment begins, other characters stay", async () => {
  for (const [query, wanted] of [
    ["a=b#c?d", "a=b"],
    ["#x", ""],
    ["a=b c&ä=中", "a=b c&ä=中"],
  ] as const) {
    const seen = await sent(query);
    assert.ok(typeof seen !== "string");
    assert.equal(seen.query, wanted);
  }
});
