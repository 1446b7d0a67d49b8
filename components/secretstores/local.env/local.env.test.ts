import assert from "node:assert/strict";
import { test } from "node:test";
import type { DriverContext } from "../../../src/driver/context.ts";
import type { SecretStore } from "../../../src/driver/secretstore.ts";
import type { Platform } from "../../../src/platform/types.ts";
import { secretStoreConformance } from "../../../test/conformance/secretstores.ts";
import driver from "./local.env.ts";

const { signal } = new AbortController();

interface Opened {
  readonly store: SecretStore;
  readonly warnings: string[];
}

async function open(
  env: Record<string, string | undefined>,
  metadata: Record<string, string> = {},
  system = "linux",
): Promise<Opened> {
  const warnings: string[] = [];
  const context = {
    platform: { env, process: { platform: system } } as unknown as Platform,
    log: { warn: (message: string) => warnings.push(message) },
  } as unknown as DriverContext;
  return { store: await driver.open(new Map(Object.entries(metadata)), context), warnings };
}

const secrets = { conftestsecret: "abcd", secondsecret: "efgh" };
secretStoreConformance("local.env", async () => (await open(secrets)).store, { missing: "isEmpty" });
secretStoreConformance(
  "local.env with a prefix",
  async () => (await open({ MY_conftestsecret: "abcd", MY_secondsecret: "efgh", other: "x" }, { prefix: "MY_" })).store,
  { missing: "isEmpty" },
);

test("the runtime's own variables are never handed out, whatever the case and through a prefix", async () => {
  const env = { APP_API_TOKEN: "t", dapr_api_token: "t", DAPR_HTTP_PORT: "1", PUBLIC: "p" };
  const { store, warnings } = await open(env);
  for (const name of ["APP_API_TOKEN", "app_api_token", "dapr_api_token", "DAPR_HTTP_PORT"])
    assert.deepEqual(await store.get(name, {}, signal), { [name]: "" });
  assert.equal(warnings[0], "Access to env var APP_API_TOKEN is forbidden");
  assert.equal(warnings.length, 4);
  assert.deepEqual(await store.bulkGet({}, signal), { PUBLIC: { PUBLIC: "p" } });

  const prefixed = await open(env, { prefix: "DAPR_" });
  assert.deepEqual(await prefixed.store.get("HTTP_PORT", {}, signal), { HTTP_PORT: "" });
  assert.deepEqual(await prefixed.store.bulkGet({}, signal), {});
});

test("a prefix is put in front, cut off in lists, and a variable of just that name is left out", async () => {
  const { store } = await open({ P_: "bare", P_a: "1", p_b: "2", A: "3" }, { Prefix: "P_" });
  assert.deepEqual(await store.get("a", {}, signal), { a: "1" });
  assert.deepEqual(await store.get("A", {}, signal), { A: "" });
  assert.deepEqual(await store.bulkGet({}, signal), { a: { a: "1" } });
});

test("on Windows the prefix is compared without case", async () => {
  const { store } = await open({ p_b: "2", P_a: "1" }, { prefix: "P_" }, "windows");
  assert.deepEqual(await store.bulkGet({}, signal), { b: { b: "2" }, a: { a: "1" } });
});

test("the environment is read at each call", async () => {
  const env: Record<string, string | undefined> = { a: "1" };
  const { store } = await open(env);
  env["a"] = "2";
  assert.deepEqual(await store.get("a", {}, signal), { a: "2" });
});
