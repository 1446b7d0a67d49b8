import assert from "node:assert/strict";
import { test } from "node:test";
import { DriverError } from "../../../src/driver/errors.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./kubernetes.ts";

const host = await hostPlatform();
const { signal } = new AbortController();
const request = { appId: "shop", namespace: "prod", port: 50002, data: { zone: "a" } };

/** Resolves the request with names that have the given addresses. */
async function resolve(settings: Record<string, string>, names: Readonly<Record<string, readonly string[]>>) {
  const lookup = async (name: string) => {
    const found = names[name];
    if (found === undefined) throw new Error(`no such name: ${name}`);
    return found;
  };
  const context = driverContext({ ...host, lookup }, "names");
  const resolver = await driver.open(new Map(Object.entries(settings)), context);
  return resolver.resolve(request, signal);
}

test("the service of a sidecar is looked up, and all its addresses count", async () => {
  assert.deepEqual(await resolve({}, { "shop-dapr.prod.svc.cluster.local": ["10.0.0.1", "fd00::1"] }), [
    "10.0.0.1:50002",
    "[fd00::1]:50002",
  ]);
  assert.deepEqual(await resolve({ clusterDomain: "corp" }, { "shop-dapr.prod.svc.corp": ["10.0.0.1"] }), [
    "10.0.0.1:50002",
  ]);
  await assert.rejects(
    resolve({}, {}),
    (error) =>
      DriverError.is(error) &&
      error.message ===
        "failed to resolve address for 'shop-dapr.prod.svc.cluster.local': no such name: shop-dapr.prod.svc.cluster.local",
  );
});

test("a template is an address of its own", async () => {
  const names = { "shop.prod.a": ["10.0.0.1"], shop: ["10.0.0.2"] };
  assert.deepEqual(await resolve({ template: "{{.ID}}.{{ .Namespace }}.{{.Data.zone}}:{{.Port}}" }, names), [
    "10.0.0.1:50002",
  ]);
  assert.deepEqual(await resolve({ template: '{{.ID}}.prod.{{index .Data "zone"}}:1' }, names), ["10.0.0.1:1"]);
  assert.deepEqual(await resolve({ template: " {{- .ID -}} {{.Data.none}}" }, names), ["10.0.0.2:50002"]);
  assert.deepEqual(await resolve({ template: "10.9.8.7:{{.Port}}" }, {}), ["10.9.8.7:50002"]);
  await assert.rejects(resolve({ template: "http://{{.ID}}" }, names), /"http:\/\/shop" of app shop is no address$/);
});

test("what a template cannot do is said at the start", async () => {
  const open = (template: string) => driver.open(new Map([["template", template]]), driverContext(host, "names"));
  await assert.rejects(
    open("{{if .ID}}x{{end}}"),
    /template action \{\{if \.ID\}\} is not served: use \.ID, \.Namespace/,
  );
  await assert.rejects(open("{{.ID"), /has a \{\{ that nothing closes$/);
});

test("the host looks names up", async () => {
  assert.ok(host.lookup !== undefined);
  assert.ok((await host.lookup("localhost")).some((address) => address === "127.0.0.1" || address === "::1"));
  assert.deepEqual(await host.lookup("10.1.2.3"), ["10.1.2.3"]);
  await assert.rejects(host.lookup("no-such-host.invalid"));
});
