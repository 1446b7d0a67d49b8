import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HttpMiddleware } from "../../../src/driver/middleware.ts";
import { middlewareConformance, middlewareRequest, pass } from "../../../test/conformance/middleware.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./http.uppercase.ts";
import { upperBody } from "./upper-body.ts";

const platform = await hostPlatform();
const utf8 = new TextEncoder();

async function open(metadata: Record<string, string> = {}): Promise<HttpMiddleware> {
  const opened = await driver.open(new Map(Object.entries(metadata)), driverContext(platform, "upper"));
  return opened as HttpMiddleware;
}

for (const direction of ["request", "response", "both"])
  middlewareConformance(`uppercase, ${direction}`, () => open({ direction }), middlewareRequest);

test("the direction says which bodies change", async () => {
  const through = async (metadata: Record<string, string>) => {
    const headers = new Headers({ "content-length": "2", "x-kept": "1" });
    const request = middlewareRequest({ method: "POST", headers, body: utf8.encode("é1") });
    const answer = () => new Response("äß", { headers: { "content-length": "4" } });
    const passed = await pass(await open(metadata), request, answer);
    const body = await new Response(passed.request?.body as BodyInit).text();
    assert.equal(passed.request?.headers.get("x-kept"), "1");
    return [
      body,
      passed.request?.headers.get("content-length"),
      passed.text,
      passed.response.headers.get("content-length"),
    ];
  };
  assert.deepEqual(await through({}), ["É1", null, "äß", "4"]);
  assert.deepEqual(await through({ direction: "Request" }), ["É1", null, "äß", "4"]);
  assert.deepEqual(await through({ direction: "sideways" }), ["É1", null, "äß", "4"]);
  assert.deepEqual(await through({ direction: "RESPONSE" }), ["é1", "2", "Äß", null]);
  assert.deepEqual(await through({ Direction: "both" }), ["É1", null, "Äß", null]);
});

test("a stream cut anywhere comes out as the whole would", async () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(40), { maxLength: 5 }), async (given, cuts) => {
      const bytes = utf8.encode(given);
      const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const parts = edges.slice(1).map((edge, index) => bytes.slice(edges[index], edge));
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      });
      const whole = upperBody(bytes) as Uint8Array<ArrayBuffer>;
      const streamed = await new Response(upperBody(stream) as BodyInit).arrayBuffer();
      assert.deepEqual(new Uint8Array(streamed), whole);
    }),
  );
});
