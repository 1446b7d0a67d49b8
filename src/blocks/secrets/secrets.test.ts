import assert from "node:assert/strict";
import { test } from "node:test";
import { refusedGrpc, sendGrpc } from "../../../test/harness/grpc-exchange.ts";
import { sendHttp } from "../../../test/harness/http-exchange.ts";
import { DriverError } from "../../driver/errors.ts";
import type { SecretStore } from "../../driver/secretstore.ts";
import { grpcCode } from "../../errors/row.ts";
import type { GetBulkSecretResponse, GetSecretResponse } from "../../gen/dapr/proto/runtime/v1/secret_pb.ts";
import { secretsGrpc } from "./grpc.ts";
import { secretsHttp } from "./http.ts";
import type { SecretScope } from "./ports.ts";
import { isSecretAllowed } from "./scope.ts";
import { createSecrets } from "./secrets.ts";

const values: Record<string, Record<string, string>> = {
  b: { b: "<2>" },
  a: { z: "1", y: "2" },
  hidden: { hidden: "x" },
};

function open(options: { scope?: SecretScope; fault?: Error; none?: boolean } = {}) {
  const seen: unknown[] = [];
  const begin = (request: unknown): void => {
    seen.push(request);
    if (options.fault !== undefined) throw options.fault;
  };
  const store: SecretStore = {
    features: [],
    async get(name, metadata) {
      begin({ name, metadata });
      const found = values[name];
      if (found === undefined) throw new DriverError("notFound", `secret ${name} not found`);
      return found;
    },
    async bulkGet(metadata) {
      begin({ metadata });
      return values;
    },
    async close() {},
  };
  const secrets = createSecrets({
    stores: { find: (name) => (name === "s" && !options.none ? store : undefined), any: () => !options.none },
    scope: (name) => (name === "s" ? options.scope : undefined),
  });
  return { seen, routes: secretsHttp(secrets), part: secretsGrpc(secrets) };
}

test("one secret and all of them", async () => {
  const { routes, part, seen } = open();
  const one = await sendHttp(routes, "GET", "/v1.0/secrets/s/a?metadata.version_id=3");
  assert.deepEqual([one.status, one.text], [200, '{"y":"2","z":"1"}\n']);
  assert.equal(one.headers.get("content-type"), "application/json");
  assert.deepEqual(seen, [{ name: "a", metadata: { version_id: "3" } }]);
  const all = await sendHttp(routes, "GET", "/v1.0/secrets/s/bulk");
  assert.equal(all.text, '{"a":{"y":"2","z":"1"},"b":{"b":"\\u003c2\\u003e"},"hidden":{"hidden":"x"}}\n');

  const got = (await sendGrpc(part, "getSecret", {
    storeName: "s",
    key: "b",
    metadata: { m: "1" },
  })) as GetSecretResponse;
  assert.deepEqual({ ...got.data }, { b: "<2>" });
  assert.deepEqual(seen.at(-1), { name: "b", metadata: { m: "1" } });
  const bulk = (await sendGrpc(part, "getBulkSecret", { storeName: "s" })) as GetBulkSecretResponse;
  assert.deepEqual(Object.keys(bulk.data).sort(), ["a", "b", "hidden"]);
  assert.deepEqual({ ...bulk.data["a"]?.secrets }, values["a"]);
});

test("every refusal, on both wires", async () => {
  const fault = new DriverError("unavailable", "vault is sealed");
  const scope = { defaultAccess: "allow", allowedSecrets: [], deniedSecrets: ['q"\n'] };
  const cases = [
    {
      with: { none: true },
      store: "s",
      key: "a",
      http: [500, "ERR_SECRET_STORES_NOT_CONFIGURED"],
      code: "FailedPrecondition",
      message: "secret store is not configured",
    },
    {
      with: {},
      store: "nope",
      key: "a",
      http: [401, "ERR_SECRET_STORE_NOT_FOUND"],
      code: "InvalidArgument",
      message: "failed finding secret store with key nope",
    },
    {
      with: { scope },
      store: "s",
      key: 'q"\n',
      http: [403, "ERR_PERMISSION_DENIED"],
      code: "PermissionDenied",
      message: 'access denied by policy to get "q\\"\\n" from "s"',
    },
    {
      with: {},
      store: "s",
      key: "none",
      http: [500, "ERR_SECRET_GET"],
      code: "Internal",
      message: "failed getting secret with key none from secret store s: secret none not found",
    },
    {
      with: { fault },
      store: "s",
      key: "a",
      http: [500, "ERR_SECRET_GET"],
      code: "Internal",
      message: "failed getting secret with key a from secret store s: vault is sealed",
    },
    {
      with: { fault },
      store: "s",
      key: undefined,
      http: [500, "ERR_SECRET_GET"],
      code: "Internal",
      message: "failed getting secrets from secret store s: vault is sealed",
    },
  ] as const;
  for (const row of cases) {
    const { routes, part } = open(row.with);
    const answer = await sendHttp(routes, "GET", `/v1.0/secrets/${row.store}/${encodeURIComponent(row.key ?? "bulk")}`);
    const [status, errorCode] = row.http;
    assert.deepEqual([answer.status, answer.json()], [status, { errorCode, message: row.message }]);
    const method = row.key === undefined ? "getBulkSecret" : "getSecret";
    const refusal = await refusedGrpc(part, method, { storeName: row.store, key: row.key });
    assert.deepEqual(refusal, { code: grpcCode[row.code], message: row.message, details: [] });
  }
});

test("a secret that the scope denies is not asked for, and left out of lists", async () => {
  const { routes, part, seen } = open({ scope: { defaultAccess: "", allowedSecrets: [], deniedSecrets: ["hidden"] } });
  assert.equal((await sendHttp(routes, "GET", "/v1.0/secrets/s/hidden")).status, 403);
  assert.deepEqual(seen, []);
  const bulk = (await sendGrpc(part, "getBulkSecret", { storeName: "s" })) as GetBulkSecretResponse;
  assert.deepEqual(Object.keys(bulk.data).sort(), ["a", "b"]);
});

test("what a scope allows", () => {
  const scope = (defaultAccess: string, allowedSecrets: string[] = [], deniedSecrets: string[] = []) => ({
    defaultAccess,
    allowedSecrets,
    deniedSecrets,
  });
  const cases: readonly (readonly [SecretScope | undefined, boolean])[] = [
    [undefined, true],
    [scope(""), true],
    [scope("allow"), true],
    [scope("deny"), false],
    [scope("DENY"), false],
    [scope("other"), true],
    [scope("deny", ["k"]), true],
    [scope("allow", ["x"]), false],
    [scope("allow", ["k"], ["k"]), true],
    [scope("allow", [], ["k"]), false],
    [scope("deny", [], ["x"]), false],
  ];
  for (const [limits, expected] of cases) assert.equal(isSecretAllowed(limits, "k"), expected, JSON.stringify(limits));
});
