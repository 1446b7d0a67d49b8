import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createClient } from "redis";
import { testBackend } from "../../../scripts/backends.ts";
import { freePort } from "../../../scripts/free-ports.ts";
import type { Binding, BindingRequest } from "../../../src/driver/bindings.ts";
import { bindingConformance } from "../../../test/conformance/bindings.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { readLifetime } from "./lifetime.ts";
import driver from "./redis.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const open = (metadata: Record<string, string>): Promise<Binding> =>
  driver.open(new Map(Object.entries(metadata)), driverContext(platform, "keys")) as Promise<Binding>;
const run = crypto.randomUUID().slice(0, 8);
const request = (operation: string, key: string, data = "", metadata: Record<string, string> = {}): BindingRequest => ({
  operation,
  data: new TextEncoder().encode(data),
  metadata: { key: `${run}-${key}`, ...metadata },
});
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

test("lifetimes are upstream's", () => {
  for (const [metadata, wanted] of [
    [{}, undefined],
    [{ ttl: "" }, undefined],
    [{ ttlInSeconds: "5" }, 5000],
    [{ TTLINSECONDS: "1m30s" }, 90_000],
    [{ ttl: "250ms", ttlInSeconds: "9" }, 250],
    [{ ttl: "-1s" }, 0],
    [{ ttl: "9223372036854775807" }, Number.MAX_SAFE_INTEGER],
  ] as const)
    assert.equal(readLifetime(metadata), wanted, JSON.stringify(metadata));
  for (const [value, message] of [
    ["soon", "ttl value must be a valid integer: actual is 'soon'"],
    ["0.5", "ttl value must be a valid integer: actual is '0.5'"],
    ["-3", "ttl value must be higher than zero: actual is '-3'"],
  ] as const)
    assert.throws(() => readLifetime({ ttlInSeconds: value }), { kind: "badRequest", message });
});

const address = await testBackend("redis");
if (address === undefined) test("bindings.redis", { skip: "there is no redis-server" }, () => {});
else {
  const raw = await createClient({ url: `redis://${address}` }).connect();
  after(() => raw.destroy());

  bindingConformance("bindings.redis", () => open({ redisHost: address }), {
    invoke: [
      { request: request("create", "c", "hello"), check: (data) => assert.equal(data, undefined) },
      { request: request("get", "c"), check: (data) => assert.equal(text(data), "hello") },
      { request: request("get", "none"), check: (data) => assert.equal(data?.length, 0) },
      { request: request("delete", "c"), check: (data) => assert.equal(data, undefined) },
      { request: request("get", "c"), check: (data) => assert.equal(data?.length, 0) },
      { request: request("increment", "n"), check: (data) => assert.equal(data, undefined) },
      { request: request("increment", "n") },
      { request: request("get", "n", "", { delete: "true" }), check: (data) => assert.equal(text(data), "2") },
      { request: request("get", "n"), check: (data) => assert.equal(data?.length, 0) },
    ],
  });

  test("keys live as long as the request says", async () => {
    const binding = await open({ redisHost: address });
    const left = async (key: string) => Math.round((await raw.ttl(`${run}-${key}`)) / 10) * 10;
    await binding.invoke?.(request("create", "ttl", "x", { ttlInSeconds: "100" }), signal);
    assert.equal(await left("ttl"), 100);
    await binding.invoke?.(request("create", "ttl", "x"), signal);
    assert.equal(await raw.ttl(`${run}-ttl`), -1);
    await binding.invoke?.(request("increment", "count", "", { ttl: "2m" }), signal);
    assert.equal(await left("count"), 120);
    await binding.invoke?.(request("create", "ttl", "x", { ttl: "0" }), signal);
    assert.equal(await raw.exists(`${run}-ttl`), 0);
    await assert.rejects(binding.invoke?.(request("create", "ttl", "x", { ttl: "no" }), signal) ?? Promise.resolve(), {
      kind: "badRequest",
    });
    assert.equal(await raw.exists(`${run}-ttl`), 0);
    await binding.close();
  });

  test("any bytes are kept, and faults are told", async () => {
    const binding = await open({ redisHost: address });
    const data = Uint8Array.from({ length: 256 }, (_unused, byte) => byte);
    await binding.invoke?.({ ...request("create", "bytes"), data }, signal);
    assert.deepEqual([...((await binding.invoke?.(request("get", "bytes"), signal))?.data ?? [])], [...data]);
    await raw.lPush(`${run}-list`, "x");
    for (const [bad, expected] of [
      [{ ...request("get", ""), metadata: {} }, /^redis binding: missing key in request metadata$/],
      [request("list", "x"), /^invalid operation type: list$/],
      [request("get", "list"), /^WRONGTYPE/],
      [request("increment", "bytes"), /^ERR value is not an integer/],
    ] as const)
      await assert.rejects(binding.invoke?.(bad, signal) ?? Promise.resolve(), { message: expected });
    await binding.close();
    await assert.rejects(binding.invoke?.(request("get", "x"), signal) ?? Promise.resolve(), { kind: "closed" });
    await assert.rejects(open({ redisHost: `127.0.0.1:${await freePort()}` }), {
      kind: "unavailable",
      message: /^redis binding: error connecting to redis at 127/,
    });
  });
}
