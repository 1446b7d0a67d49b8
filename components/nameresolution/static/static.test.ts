import assert from "node:assert/strict";
import { test } from "node:test";
import { DriverError } from "../../../src/driver/errors.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./static.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const open = (peers: unknown) =>
  driver.open(new Map(peers === undefined ? [] : [["peers", JSON.stringify(peers)]]), driverContext(platform, "names"));

test("apps are where the configuration says, those of a namespace first", async () => {
  const resolver = await open({
    shop: ["10.0.0.1:4001", "10.0.0.2"],
    "shop.prod": "shop.prod.local:4001",
    six: "[fd00::1]:4001",
    host: "box",
  });
  const at = (appId: string, namespace = "default") =>
    resolver.resolve({ appId, namespace, port: 50002, data: {} }, signal);
  assert.deepEqual(await at("shop"), ["10.0.0.1:4001", "10.0.0.2:50002"]);
  assert.deepEqual(await at("shop", "prod"), ["shop.prod.local:4001"]);
  assert.deepEqual(await at("six"), ["[fd00::1]:4001"]);
  assert.deepEqual(await at("host"), ["box:50002"]);
  await assert.rejects(
    async () => at("toString"),
    (error) =>
      DriverError.is(error) &&
      error.kind === "notFound" &&
      error.message === "no address is configured for app toString; peers has shop, shop.prod, six, host",
  );
});

test("what is no address is refused with its place", async () => {
  await assert.rejects(open(undefined), /add peers: a block of lines/);
  await assert.rejects(open([]), /peers must be a block of lines/);
  await assert.rejects(open({ "a.b.c": "x:1" }), /peers: "a\.b\.c" is no app id, write id or id\.namespace$/);
  await assert.rejects(open({ a: [] }), /peers: app a has no address$/);
  for (const address of ["", ":1", "x:0", "x:70000", "http://x:1", "fd00::1", "x y:1", 4001]) {
    await assert.rejects(open({ a: address }), /of app a is no address, write host:port, for IPv6 \[address\]:port$/);
  }
});
