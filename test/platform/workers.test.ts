import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { requiresBackends } from "../../scripts/backends.ts";
import { buildWorkers, type WorkersBundle, workersLimit } from "../../scripts/build-workers.ts";
import { type LibsqlServer, startLibsqlServer } from "../harness/libsql-server.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";
import { type RunningWorker, startWorker, workerdFault } from "../harness/workerd.ts";

const fault = workerdFault();
if (fault !== undefined) {
  if (requiresBackends()) throw new Error(fault);
  console.error(`SKIPPED: ${fault}`);
}
const folder = temporaryFolder().path;
let bundle: WorkersBundle;
let server: LibsqlServer;
let worker: RunningWorker;
before(async () => {
  [bundle, server] = await Promise.all([buildWorkers(join(folder, "worker.js")), startLibsqlServer()]);
  if (fault === undefined) worker = await startWorker(bundle.path, bindings([configuration, store(), secrets]));
});
after(async () => {
  await worker?.stop();
  await server.close();
});

test("the bundle is small and holds no YAML, no code from strings and no built-in modules", () => {
  assert.ok(bundle.gzipBytes <= workersLimit, `${bundle.gzipBytes} bytes after gzip`);
  const text = readFileSync(bundle.path, "utf8");
  assert.doesNotMatch(text, /YAMLParseError/);
  assert.doesNotMatch(text, /\beval\(|new Function\(/);
  assert.doesNotMatch(text, /from\s*"(?:node|bun):/);
});

const store = (more: readonly object[] = []) => ({
  apiVersion: "dapr.io/v1alpha1",
  kind: "Component",
  metadata: { name: "statestore" },
  spec: {
    type: "state.libsql",
    version: "v1",
    metadata: [
      { name: "url", value: server.url },
      { name: "authToken", secretKeyRef: { name: "DATABASE_TOKEN", key: "DATABASE_TOKEN" } },
      ...more,
    ],
  },
  auth: { secretStore: "secrets" },
});
const secrets = {
  apiVersion: "dapr.io/v1alpha1",
  kind: "Component",
  metadata: { name: "secrets" },
  spec: { type: "secretstores.local.env", version: "v1" },
};
const configuration = {
  apiVersion: "dapr.io/v1alpha1",
  kind: "Configuration",
  metadata: { name: "settings" },
  spec: { secrets: { scopes: [{ storeName: "secrets", deniedSecrets: ["HIDDEN"] }] } },
};
const appId = `shop-${crypto.randomUUID()}`;
const bindings = (resources: readonly object[]) => ({
  PILLION_CONFIG: { appId, resources },
  DAPR_API_TOKEN: "knock",
  DATABASE_TOKEN: server.token,
  GREETING: "hello",
  HIDDEN: "x",
});

const under = (what: string, run: () => void | Promise<void>): void => {
  test(`under workerd: ${what}`, { skip: fault ?? false }, run);
};

const call = async (path: string, init: RequestInit = {}, of = worker) => {
  const headers = { "dapr-api-token": "knock", "content-type": "application/json", ...init.headers };
  const response = await fetch(`${of.url}${path}`, { ...init, headers });
  const text = await response.text();
  return { status: response.status, etag: response.headers.get("etag"), text };
};
const post = (path: string, body: unknown) => call(path, { method: "POST", body: JSON.stringify(body) });
const state = "/v1.0/state/statestore";

under("the first requests may come at the same time", async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => call(`${state}/none${index}`)));
  assert.deepEqual(
    answers.map(({ status }) => status),
    answers.map(() => 204),
  );
});

under("health needs no token, all else does", async () => {
  const status = async (path: string): Promise<number> => {
    const response = await fetch(`${worker.url}${path}`);
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status("/v1.0/healthz"), 204);
  assert.equal(await status("/v1.0/healthz/outbound"), 204);
  assert.equal(await status("/v1.0/metadata"), 401);
  assert.equal(await status(`${state}/k`), 401);
});

under("metadata names app, version and components", async () => {
  const { status, text } = await call("/v1.0/metadata");
  assert.equal(status, 200);
  const facts = JSON.parse(text) as { id: string; runtimeVersion: string; components: Record<string, unknown>[] };
  assert.equal(facts.id, appId);
  assert.match(facts.runtimeVersion, /^\d+\.\d+\.\d+$/);
  assert.deepEqual(facts.components.map(({ name, type }) => [name, type]).sort(), [
    ["secrets", "secretstores.local.env"],
    ["statestore", "state.libsql"],
  ]);
  const capabilities = facts.components.find(({ name }) => name === "statestore")?.["capabilities"];
  assert.deepEqual(capabilities, ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE", "ACTOR"]);
});

under("secrets are the text bindings, within their scope", async () => {
  assert.deepEqual(await call("/v1.0/secrets/secrets/GREETING"), {
    status: 200,
    etag: null,
    text: '{"GREETING":"hello"}\n',
  });
  assert.equal((await call("/v1.0/secrets/secrets/HIDDEN")).status, 403);
  const bulk = JSON.parse((await call("/v1.0/secrets/secrets/bulk")).text) as object;
  assert.deepEqual(Object.keys(bulk).sort(), ["APP_ID", "DATABASE_TOKEN", "GREETING"]);
});

under("state: set, get, ETags, delete", async () => {
  assert.equal((await post(state, [{ key: "a", value: { n: 1 } }])).status, 204);
  const first = await call(`${state}/a`);
  assert.equal(first.text, '{"n":1}');
  const etag = first.etag ?? "";
  assert.match(etag, /^[0-9a-f-]{36}$/);
  assert.equal((await post(state, [{ key: "a", value: 2, etag }])).status, 204);
  const stale = await post(state, [{ key: "a", value: 3, etag }]);
  assert.equal(stale.status, 409);
  assert.match(stale.text, /possible etag mismatch/);
  assert.equal((await call(`${state}/a`)).text, "2");
  const bulk = JSON.parse((await post(`${state}/bulk`, { keys: ["a", "none"] })).text) as { key: string }[];
  assert.deepEqual(bulk.map(({ key }) => key).sort(), ["a", "none"]);
  assert.equal((await call(`${state}/a`, { method: "DELETE", headers: { "if-match": etag } })).status, 409);
  assert.equal((await call(`${state}/a`, { method: "DELETE" })).status, 204);
  assert.equal((await call(`${state}/a`)).status, 204);
});

under("state: many requests at one time", async () => {
  const keys = Array.from({ length: 40 }, (_, index) => `many${index}`);
  const saved = await Promise.all(keys.map((key) => post(state, [{ key, value: key }])));
  assert.ok(saved.every(({ status }) => status === 204));
  const read = await Promise.all(keys.map(async (key) => (await call(`${state}/${key}`)).text));
  assert.deepEqual(
    read,
    keys.map((key) => JSON.stringify(key)),
  );
});

under("state: a transaction is all or nothing", async () => {
  const operations = (etag?: string) => ({
    operations: [
      { operation: "upsert", request: { key: "x", value: 1 } },
      { operation: "upsert", request: { key: "y", value: 2, ...(etag !== undefined && { etag }) } },
      { operation: "delete", request: { key: "z" } },
    ],
  });
  await post(state, [{ key: "z", value: "there" }]);
  const refused = await post(`${state}/transaction`, operations("0f1e2d3c-0000-4000-8000-000000000000"));
  assert.ok(refused.status >= 400, refused.text);
  assert.equal((await call(`${state}/x`)).status, 204);
  assert.equal((await call(`${state}/z`)).text, '"there"');
  assert.equal((await post(`${state}/transaction`, operations())).status, 204);
  const values = await Promise.all(["x", "y", "z"].map(async (key) => (await call(`${state}/${key}`)).text));
  assert.deepEqual(values, ["1", "2", ""]);
});

under("what needs a process that stays is refused by name", async () => {
  const refused = async (path: string, init?: RequestInit): Promise<string> => {
    const { status, text } = await call(path, init);
    assert.equal(status, 501, text);
    const body = JSON.parse(text) as { errorCode: string; message: string };
    assert.equal(body.errorCode, "ERR_NOT_ON_HOST");
    return body.message.split(" is not served")[0] ?? "";
  };
  assert.equal(await refused("/v1.0/publish/pubsub/topic", { method: "POST" }), "publish/subscribe");
  assert.equal(await refused("/v1.0/invoke/other/method/x"), "invocation");
  assert.equal(await refused("/x", { headers: { "dapr-app-id": "other" } }), "invocation");
  assert.equal(await refused("/v1.0-alpha1/crypto/x/encrypt", { method: "PUT" }), "the cryptography API");
  assert.equal(await refused("/dapr.proto.runtime.v1.Dapr/GetState", { method: "POST" }), "gRPC");
  assert.equal(await refused("/v1.0/shutdown", { method: "POST" }), "the shutdown API");
  assert.equal(await refused("/v1.0/metadata/k", { method: "PUT", body: "v" }), "setting metadata");
  assert.equal((await call("/v1.0/nothing")).status, 404);
});

under("the log goes to the console", () => {
  assert.match(worker.printed(), /msg="Component loaded: statestore \(state\.libsql\/v1\)"/);
});

const failing: readonly [string, () => Record<string, unknown>, RegExp][] = [
  ["without settings", () => ({}), /the binding PILLION_CONFIG is missing/],
  ["with settings that are no JSON", () => ({ PILLION_CONFIG: "{" }), /the binding PILLION_CONFIG is not JSON/],
  ["with a wrong setting", () => ({ PILLION_CONFIG: '{"appId":"a.b"}' }), /invalid settings: appId: must not contain/],
  [
    "with a driver of other hosts",
    () => bindings([{ ...secrets, spec: { type: "state.sqlite", version: "v1" } }]),
    /couldn't find state store state\.sqlite\/v1/,
  ],
  [
    "with a clean-up",
    () => bindings([secrets, store([{ name: "cleanupInterval", value: "1m" }])]),
    /the workers runtime runs only while it answers/,
  ],
  [
    "without its database",
    () => bindings([secrets, store([{ name: "url", value: "http://127.0.0.1:9" }])]),
    /cannot reach "http:\/\/127\.0\.0\.1:9\/"/,
  ],
];
for (const [what, given, message] of failing)
  under(`${what}, each request is told why`, async () => {
    const broken = await startWorker(bundle.path, { DAPR_API_TOKEN: "knock", ...given() });
    try {
      for (let round = 0; round < 2; round++) {
        const { status, text } = await call("/v1.0/metadata", {}, broken);
        assert.equal(status, 500);
        assert.match((JSON.parse(text) as { message: string }).message, message);
      }
      const stranger = await call("/v1.0/metadata", { headers: { "dapr-api-token": "" } }, broken);
      assert.match(stranger.text, /the runtime could not start: its log says why/);
      assert.match(broken.printed(), message);
    } finally {
      await broken.stop();
    }
  });
