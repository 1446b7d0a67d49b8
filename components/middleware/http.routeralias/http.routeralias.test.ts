import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpMiddleware } from "../../../src/driver/middleware.ts";
import { middlewareConformance, middlewareRequest, pass } from "../../../test/conformance/middleware.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./http.routeralias.ts";

const platform = await hostPlatform();

interface Opened {
  readonly middleware: HttpMiddleware;
  readonly warnings: string[];
}

async function open(metadata: Record<string, string>): Promise<Opened> {
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, error() {}, warn: (text: string) => void warnings.push(text) };
  const opened = await driver.open(new Map(Object.entries(metadata)), driverContext(platform, "alias", { log }));
  return { middleware: opened as HttpMiddleware, warnings };
}

/** The target that a request gets. */
async function target({ middleware }: Opened, from: string): Promise<string> {
  const [path = "", query = ""] = from.split("?");
  const { request } = await pass(middleware, middlewareRequest({ path, query }));
  return `${request?.path}${request?.query === "" ? "" : `?${request?.query}`}`;
}

const routes = JSON.stringify({
  "/v1.0/mall/activity/info": "/v1.0/invoke/srv.default/method/mall/activity/info",
  "/v1.0/hello/activity/{id}/info": "/v1.0/invoke/srv.default/method/hello/activity/info",
  "/v1.0/hello/activity/{id}/user": "/v1.0/invoke/srv.default/method/hello/activity/user",
  "/files/{path:.+\\.txt}": "/v1.0/invoke/files/method/get",
  "/odd": "/a b?c%",
});

middlewareConformance("routeralias, no match", async () => (await open({ routes })).middleware, middlewareRequest);
middlewareConformance(
  "routeralias, a match",
  async () => (await open({ routes })).middleware,
  () => middlewareRequest({ path: "/v1.0/hello/activity/1/info" }),
);

test("a path that fits a pattern becomes another, its variables join the query", async () => {
  const opened = await open({ routes });
  assert.equal(
    await target(opened, "/v1.0/mall/activity/info?x=%7e&b"),
    "/v1.0/invoke/srv.default/method/mall/activity/info?x=%7e&b",
  );
  assert.equal(
    await target(opened, "/v1.0/hello/activity/1/info"),
    "/v1.0/invoke/srv.default/method/hello/activity/info?id=1",
  );
  assert.equal(
    await target(opened, "/v1.0/hello/activity/a%20%C3%A9/user?z=%7e&id=0&bad;=1&a=1+2"),
    "/v1.0/invoke/srv.default/method/hello/activity/user?a=1+2&id=0&id=a+%C3%A9&z=~",
  );
  assert.equal(await target(opened, "/files/a/b.txt"), "/v1.0/invoke/files/method/get?path=a%2Fb.txt");
  assert.equal(await target(opened, "/odd"), "/a%20b%3Fc%25", "the internal path is a path, whatever is in it");
  for (const other of ["/", "/v1.0/hello/activity/1/2/info", "/v1.0/mall/activity/info/", "/files/a.json"])
    assert.equal(await target(opened, other), other);
});

test("routes as YAML, as properties of their own, and none at all", async () => {
  assert.equal(await target(await open({ routes: "/a: /b\n/c: /d\n" }), "/c"), "/d");
  const legacy = await open({ "/a": "/b", "/c/{x}": "/d" });
  assert.equal(await target(legacy, "/c/1"), "/d?x=1");
  assert.match(legacy.warnings[0] ?? "", /deprecated/);
  assert.equal(await target(await open({}), "/a"), "/a");
  await assert.rejects(open({ "/a": "" }), /^DriverError: invalid key\/value pair in metadata: must not be empty$/);
  await assert.rejects(open({ routes: "[1]" }), /^DriverError: failed to decode 'routes' property as JSON or YAML: /);
  await assert.rejects(open({ routes: "{" }), /^DriverError: failed to decode 'routes' property as JSON or YAML: /);
});

test("patterns that are malformed match nothing, the others are kept", async () => {
  const patterns = ["a", "/{x", "/{}", "/{x:}", "/{x}/{x}", "/{x:(a)}", "/x}"];
  const opened = await open({
    routes: JSON.stringify({ ...Object.fromEntries(patterns.map((it) => [it, "/no"])), "/b": "/c" }),
  });
  assert.equal(opened.warnings.length, patterns.length, opened.warnings.join("\n"));
  assert.equal(await target(opened, "/b"), "/c");
  assert.equal(await target(opened, "/x"), "/x");
});
