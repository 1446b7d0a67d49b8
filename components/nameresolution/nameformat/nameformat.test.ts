import assert from "node:assert/strict";
import { test } from "node:test";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./nameformat.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const request = (appId: string) => ({ appId, namespace: "ns", port: 50002, data: {} });
const open = (settings: Record<string, string>) =>
  driver.open(new Map(Object.entries(settings)), driverContext(platform, "names"));

test("app ids take their places in the format", async () => {
  const at = async (format: string, appId = "shop") => (await open({ format })).resolve(request(appId), signal);
  assert.deepEqual(await at("{appid}-dapr.{appid}.local:3000"), ["shop-dapr.shop.local:3000"]);
  assert.deepEqual(await at("[fd00::{appid}]:3000", "1"), ["[fd00::1]:3000"]);
  assert.deepEqual(await at("{appid}:1", "$&"), ["$&:1"]);
});

test("a format without a port gets that of sidecars", async () => {
  assert.deepEqual(await (await open({ Format: "svc-{appid}.local" })).resolve(request("shop"), signal), [
    "svc-shop.local:50002",
  ]);
});

test("what is no format, and no id, is refused in upstream's words", async () => {
  await assert.rejects(open({}), /^DriverError: format is required in metadata$/);
  await assert.rejects(open({ format: "" }), /^DriverError: format is required in metadata$/);
  await assert.rejects(open({ format: "svc" }), /^DriverError: format must contain \{appid\} placeholder$/);
  const resolver = await open({ format: "{appid}:1" });
  await assert.rejects(async () => resolver.resolve(request(""), signal), /^DriverError: empty ID not allowed$/);
});
