import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpMiddleware } from "../../../src/driver/middleware.ts";
import { middlewareConformance, middlewareRequest, pass } from "../../../test/conformance/middleware.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./http.routerchecker.ts";

const platform = await hostPlatform();

async function open(rule?: string): Promise<HttpMiddleware> {
  const metadata = new Map(rule === undefined ? [] : [["rule", rule]]);
  return (await driver.open(metadata, driverContext(platform, "checker"))) as HttpMiddleware;
}

middlewareConformance("routerchecker", () => open("^/a"), middlewareRequest);

test("the escaped path and the query have to match somewhere", async () => {
  const ask = async (rule: string | undefined, path: string, query = "") => {
    const { response, text, request } = await pass(await open(rule), middlewareRequest({ path, query }));
    return request === undefined ? [response.status, response.headers.get("content-type"), text] : "passes";
  };
  const refused = [400, "text/plain; charset=utf-8", "invalid router"];
  const rule = "^[A-Za-z0-9/._-]+$";
  assert.equal(await ask(rule, "/v1.0/invoke/qcg.default/method"), "passes");
  assert.deepEqual(await ask(rule, "/v1.0/invoke/qcg.default/method/%20cat%20password"), refused);
  assert.deepEqual(await ask(rule, "/a", "x=1"), refused);
  assert.equal(await ask("x=1$", "/a", "x=1"), "passes");
  assert.equal(await ask("(?i)^/ADMIN", "/admin/x"), "passes");
  assert.equal(await ask(undefined, "/anything"), "passes");
});

test("a rule that is no regular expression stops the start", async () => {
  await assert.rejects(open("(a"), /^DriverError: failed to compile rule regexp: error parsing regexp/);
  await assert.rejects(open("a(?=b)"), /unsupported Perl syntax: `\(\?=`/);
});
