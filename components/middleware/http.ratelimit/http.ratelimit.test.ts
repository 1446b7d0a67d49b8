import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HttpMiddleware, MiddlewareRequest } from "../../../src/driver/middleware.ts";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import { middlewareConformance, middlewareRequest, pass } from "../../../test/conformance/middleware.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { networkOf } from "./caller-address.ts";
import driver from "./http.ratelimit.ts";
import { createTokenBuckets } from "./token-buckets.ts";

const platform = await hostPlatform();

async function open(limit?: string, clock = createVirtualClock()): Promise<HttpMiddleware> {
  const metadata = new Map(limit === undefined ? [] : [["maxRequestsPerSecond", limit]]);
  return (await driver.open(metadata, driverContext(platform, "limit", { clock }))) as HttpMiddleware;
}

const from = (headers: Record<string, string>, change: Partial<MiddlewareRequest> = {}): MiddlewareRequest =>
  middlewareRequest({ headers: new Headers(headers), ...change });

middlewareConformance("ratelimit", () => open("20"), middlewareRequest);

test("beyond the burst requests are refused until time has passed", async () => {
  const clock = createVirtualClock();
  const limit = await open("2.5", clock);
  const first = await pass(limit, middlewareRequest());
  assert.deepEqual(Object.fromEntries([...first.response.headers].filter(([name]) => name.includes("rate"))), {
    "ratelimit-limit": "3",
    "ratelimit-remaining": "1",
    "ratelimit-reset": "1",
    "x-rate-limit-duration": "1",
    "x-rate-limit-limit": "2.50",
    "x-rate-limit-request-remote-addr": "192.0.2.7:4321",
  });
  assert.equal((await pass(limit, middlewareRequest())).response.headers.get("ratelimit-remaining"), "0");
  const refused = await pass(limit, middlewareRequest());
  assert.equal(refused.request, undefined);
  assert.equal(refused.response.status, 429);
  assert.equal(refused.text, "You have reached maximum request limit.");
  assert.equal(refused.response.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(refused.response.headers.get("ratelimit-remaining"), "0");
  assert.equal(
    (await pass(limit, middlewareRequest({ path: "/b" }))).response.status,
    200,
    "each path counts by itself",
  );
  assert.equal((await pass(limit, from({ "x-real-ip": "10.0.0.1" }))).response.status, 200);
  await clock.advance(399);
  assert.equal((await pass(limit, middlewareRequest())).response.status, 429);
  await clock.advance(2);
  assert.equal((await pass(limit, middlewareRequest())).response.status, 200);
});

test("who is counted", async () => {
  const sameAs = async (one: MiddlewareRequest, other: MiddlewareRequest): Promise<boolean> => {
    const limit = await open("1");
    await pass(limit, one);
    return (await pass(limit, other)).response.status === 429;
  };
  const peer = (address: string) => middlewareRequest({ caller: { address, port: 1 } });
  assert.equal(await sameAs(peer("10.0.0.1"), peer("10.0.0.2")), false);
  assert.equal(await sameAs(from({ "x-forwarded-for": "1.1.1.1, 2.2.2.2" }), peer("2.2.2.2")), true, "the last entry");
  assert.equal(await sameAs(from({ "x-forwarded-for": "3.3.3.3", "x-real-ip": "2.2.2.2" }), peer("3.3.3.3")), true);
  assert.equal(await sameAs(peer("2001:db8:0:1::1"), peer("2001:db8::1:2:3:4:5")), true, "one IPv6 network");
  assert.equal(await sameAs(peer("2001:db8:0:1::1"), peer("2001:db8:0:2::1")), false);
  assert.equal(await sameAs(middlewareRequest({ path: "/%61" }), middlewareRequest({ path: "/a" })), true);
});

test("without an address one is made up, and the rest of the way sees it", async () => {
  const { request, response } = await pass(await open(), middlewareRequest({ caller: { address: "", port: 0 } }));
  assert.equal(request?.headers.get("x-forwarded-for"), "0.0.0.0");
  assert.equal(response.headers.get("x-rate-limit-request-forwarded-for"), "0.0.0.0");
  assert.equal(response.headers.get("x-rate-limit-request-remote-addr"), "");
  assert.equal(response.headers.get("x-rate-limit-limit"), "100.00");
  const six = await pass(await open(), middlewareRequest({ caller: { address: "::1", port: 5 } }));
  assert.equal(six.response.headers.get("x-rate-limit-request-remote-addr"), "[::1]:5");
});

test("answers whose headers cannot be changed are copied", async () => {
  const headers = new Headers({ "x-own": "1" });
  headers.append = () => {
    throw new TypeError("immutable");
  };
  const { response, text } = await pass(await open(), middlewareRequest(), () => {
    return { status: 201, headers, body: new TextEncoder().encode("kept") };
  });
  assert.deepEqual([response.status, text, response.headers.get("x-own")], [201, "kept", "1"]);
  assert.equal(response.headers.get("ratelimit-limit"), "100");
});

test("limits that are none stop the start", async () => {
  const message = /^DriverError: metadata property maxRequestsPerSecond must be a positive value$/;
  await assert.rejects(open("0"), message);
  await assert.rejects(open("-2"), message);
  await assert.rejects(open("foo-bar"), /maxRequestsPerSecond/);
});

test("networks of addresses", () => {
  const rows = [
    ["10.1.2.3", "10.1.2.3"],
    ["::1", "0:0:0:0::"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["2001:DB8:0a:1:2:3:4:5", "2001:db8:a:1::"],
    ["64:ff9b::1.2.3.4", "64:ff9b:0:0::"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["1::2::3", "1::2::3"],
    ["1:2:3", "1:2:3"],
    ["unknown", "unknown"],
  ];
  for (const [given = "", expected] of rows) assert.equal(networkOf(given), expected, given);
});

test("a bucket never gives more than its burst and what time brought, and full ones are forgotten", async () => {
  const step = fc.record({ wait: fc.nat(1500), key: fc.constantFrom("a", "b") });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), async (steps, perSecond) => {
      const clock = createVirtualClock();
      const buckets = createTokenBuckets({ clock, perSecond, burst: perSecond });
      const taken: Record<string, number> = { a: 0, b: 0 };
      for (const { wait, key } of steps) {
        await clock.advance(wait);
        if (buckets.take(key) !== undefined) taken[key] = (taken[key] ?? 0) + 1;
        for (const count of Object.values(taken))
          assert.ok(count <= perSecond + (clock.monotonic() / 1000) * perSecond + 1e-6);
      }
      await clock.advance(20_000);
      buckets.take("other");
      assert.equal(buckets.size, 1);
    }),
    { numRuns: 30 },
  );
});
