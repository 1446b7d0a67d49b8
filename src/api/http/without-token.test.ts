import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeaderView, WireRequest } from "../../platform/types.ts";
import { ApiRequest } from "./request.ts";

const lines: readonly (readonly [string, string])[] = [
  ["x-a", "1"],
  ["dapr-api-token", "secret"],
  ["x-a", "2"],
];
const headers: HeaderView = {
  get: (name) =>
    lines
      .filter(([known]) => known === name.toLowerCase())
      .map(([, value]) => value)
      .join(", ") || null,
  has: (name) => lines.some(([known]) => known === name.toLowerCase()),
  forEach: (visit) => {
    for (const [name, value] of lines) visit(value, name);
  },
};

function requestOf(): ApiRequest {
  const raw: WireRequest = {
    method: "POST",
    target: "/a",
    headers,
    signal: new AbortController().signal,
    body: null,
    whole: () => new Uint8Array(),
    web: () => new Request("http://h/a"),
  };
  return new ApiRequest(raw, { remoteAddress: "127.0.0.1" }, 10);
}
const seenBy = (view: HeaderView): string[] => {
  const all: string[] = [];
  view.forEach((value, name) => void all.push(`${name}=${value}`));
  return all;
};

test("a request that showed its token does not show it on, and its other lines stay apart", () => {
  const request = requestOf();
  assert.equal(request.headers.get("dapr-api-token"), "secret");
  request.hidesToken = true;
  const { headers: shown } = request;
  assert.deepEqual(
    [shown.get("Dapr-API-Token"), shown.has("dapr-api-token"), shown.get("x-a"), shown.has("X-A")],
    [null, false, "1, 2", true],
  );
  assert.deepEqual(seenBy(shown), ["x-a=1", "x-a=2"]);
  assert.equal(request.headers, shown);
});

test("middleware gets headers that it can change, without the token, and the handler sees the change", () => {
  const request = requestOf();
  request.hidesToken = true;
  request.webHeaders().set("x-b", "3");
  assert.deepEqual(seenBy(request.headers), ["x-a=1, 2", "x-b=3"]);
});
