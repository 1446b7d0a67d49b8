import assert from "node:assert/strict";
import { test } from "node:test";
import { defineNameResolver, defineSecretStore, defineStateStore } from "../../driver/define-driver.ts";
import { m } from "../../kit/schema/codecs.ts";
import type { Files } from "../../platform/types.ts";
import { formatFinding } from "../finding.ts";
import { checkResources } from "./check-resources.ts";

const refuse = () => Promise.reject(new Error("not opened by a check"));
const redis = defineStateStore({
  type: "state.redis",
  versions: ["v1"],
  aliases: ["state.valkey"],
  status: "stable",
  summary: "Redis",
  metadata: {
    redisHost: m.text().required().help("host:port of the server"),
    redisDB: m.integer().default(0),
    enableTLS: m.flag().default(false),
    maxRetryBackoff: m.duration(),
  },
  open: refuse,
});
const file = defineSecretStore({
  type: "secretstores.local.file",
  versions: ["v1"],
  status: "stable",
  summary: "A file",
  metadata: { secretsFile: m.text().required() },
  open: refuse,
});
const names = defineNameResolver({
  type: "nameresolution.hashicorp.consul",
  versions: ["v1"],
  aliases: ["nameresolution.consul"],
  status: "alpha",
  summary: "Names",
  metadata: { client: m.json().required(), useCache: m.flag() },
  open: refuse,
});
const catalog = {
  "nameresolution.hashicorp.consul": async () => ({ default: names }),
  "state.redis": async () => ({ default: redis }),
  "secretstores.local.file": async () => ({ default: file }),
};

async function check(contents: Readonly<Record<string, string>>, paths: readonly string[] = ["r"]): Promise<string[]> {
  const inside = (path: string) => Object.keys(contents).filter((name) => name.startsWith(`${path}/`));
  const files: Partial<Files> = {
    readText: async (path) => contents[path] ?? "",
    list: async (path) =>
      inside(path).map((name) => ({
        name: name.slice(path.length + 1),
        kind: name.endsWith(".sock") ? ("other" as const) : ("file" as const),
      })),
    stat: async (path) => {
      if (contents[path] !== undefined) return { kind: "file", size: 1, mtimeMs: 0 };
      return inside(path).length > 0 ? { kind: "directory", size: 0, mtimeMs: 0 } : null;
    },
  };
  const { findings } = await checkResources({ files: files as Files, paths, catalog, socketsFolder: "sockets" });
  return findings.map((finding) => `${finding.severity} ${formatFinding(finding)}`);
}

const head = (kind: string, name: string) =>
  `apiVersion: dapr.io/v1alpha1\nkind: ${kind}\nmetadata:\n  name: ${name}\n`;

test("sound resources give no findings", async () => {
  const findings = await check({
    "r/a.yaml": `${head("Component", "store")}auth:
  secretStore: secrets
spec:
  type: state.redis
  version: v1
  metadata:
  - {name: RedisHost, secretKeyRef: {name: host}}
  - {name: redisDB, value: "{appID}"}
  - {name: actorStateStore, value: "true"}
  - {name: keyPrefix, value: none}
---
${head("Component", "secrets")}spec:
  type: secretstores.local.file
  metadata:
  - {name: secretsFile, value: s.json}
---
${head("Component", "alias")}spec:
  type: state.valkey
  version: v0
  metadata:
  - {name: redisHost, envRef: REDIS}
---
${head("Configuration", "c")}spec:
  tracing: {samplingRate: "1"}
`,
  });
  assert.deepEqual(findings, []);
});

test("types of pluggable components are known while their sockets are there", async () => {
  const file = `${head("Component", "one")}spec:
  type: state.Memstore
  version: v1
  metadata:
  - {name: anything, value: x}
`;
  assert.deepEqual(await check({ "r/a.yaml": file, "sockets/memstore.sock": "" }), []);
  assert.deepEqual(await check({ "r/a.yaml": file, "sockets/other.sock": "" }), [
    'error r/a.yaml:6 spec.type: unknown component type "state.Memstore"; known here: state.redis, and pluggable ones whose sockets are there',
  ]);
});

test("a document that is no block of fields is no resource, and is told", async () => {
  const fix = "begin with apiVersion, kind and metadata";
  assert.deepEqual(await check({ "r/a.yaml": "- a\n", "r/b.yaml": "hello\n" }), [
    `error r/a.yaml:1: must be a block of fields, not a list; ${fix}`,
    `error r/b.yaml:1: must be a block of fields, not a single value; ${fix}`,
  ]);
});

test("what is no block or list is told in few words", async () => {
  const found = await check({ "r/a.yaml": `${head("Component", "one")}spec: ${"x".repeat(500)}\n` });
  assert.deepEqual(found, [
    `error r/a.yaml:5 spec: must be a block of fields, not the text "${"x".repeat(60)}…"; write "name: value" on lines of their own`,
  ]);
});

test("a component's mistakes are found with place and fix", async () => {
  const findings = await check({
    "r/a.yaml": `${head("Component", "one")}auth: {secretStore: vualt}
spec:
  type: state.redis
  version: v2
  initTimeout: soon
  metadata:
  - name: redisHots
    value: localhost:6379
  - name: redisDB
    value: first
  - name: maxRetryBackoff
    value: 5 s
  - name: enableTLS
  - name: enabletls
    value: true
  - name: user
    envRef: DAPR_API_TOKEN
---
${head("Component", "vault")}spec:
  type: secretstores.local.fiel
---
${head("Component", "three")}spec:
  type: pubsub.kafka
  metadata:
  - name: brokers
    secretKeyRef: {name: b}
---
${head("Component", '""')}spec: {}
---
${head("Component", "one")}spec:
  type: state.nothing.like.it
  version: v1
`,
  });
  assert.deepEqual(findings, [
    'warning r/a.yaml:5 auth.secretStore: no secret store here is named "vualt"; did you mean "vault"?',
    'error r/a.yaml:8 spec.version: state.redis has no version "v2"; known: v1',
    'warning r/a.yaml:9 spec.initTimeout: "soon" is not a duration, 5s is used; write for example 20s',
    'error r/a.yaml:10 spec.metadata: state.redis needs "redisHost"; add it: host:port of the server',
    'warning r/a.yaml:11 spec.metadata[0].name: state.redis does not know "redisHots"; did you mean "redisHost"?',
    'error r/a.yaml:14 spec.metadata[1].value: "first" is not a whole number; correct the value',
    'error r/a.yaml:16 spec.metadata[2].value: "5 s" is not a duration, write for example 20s, 1m30s or a number of seconds; correct the value',
    'warning r/a.yaml:17 spec.metadata[3]: "enableTLS" has no value; add a value, a secretKeyRef or an envRef',
    'error r/a.yaml:18 spec.metadata[4].name: "enabletls" is given more than once; keep one of them',
    'warning r/a.yaml:20 spec.metadata[5].name: state.redis does not know "user"; known: redisHost, redisDB, enableTLS, maxRetryBackoff',
    'error r/a.yaml:21 spec.metadata[5].envRef: the variable "DAPR_API_TOKEN" is not open to components; use another variable',
    'error r/a.yaml:28 spec.type: unknown component type "secretstores.local.fiel"; did you mean "secretstores.local.file"?',
    'error r/a.yaml:35 spec.type: unknown component type "pubsub.kafka"; known categories: state, secretstores',
    "error r/a.yaml:38 spec.metadata[0].secretKeyRef: refers to a secret, but no store is named; add auth.secretStore",
    "error r/a.yaml:43 metadata.name: the Component has no name; add metadata.name",
    "error r/a.yaml:44 spec.type: the component has no type; add spec.type, for example state.sqlite",
    "error r/a.yaml:49 metadata.name: duplicate definition of Component name one (state.nothing.like.it/v1) with existing one (state.redis/v2); rename one of them, the first stands in r/a.yaml:1",
    'error r/a.yaml:51 spec.type: unknown component type "state.nothing.like.it"; known here: state.redis, and pluggable ones whose sockets are there',
  ]);
});

test("other kinds are checked too", async () => {
  const findings = await check({
    "r/b.yaml": `${head("Subscription", "s")}spec:
  pubsubname: pubsub
---
${head("Resiliency", "r")}spec:
  policies:
    timeouts: {fast: 5 seconds}
    retries: {often: {policy: always, duration: 100}}
  targets:
    apps: {a: {timeout: fats, retry: often}}
    actors: {b: {circuitBreakerScope: all}}
---
${head("HTTPEndpoint", "e")}spec: {baseUrl: example.com}
---
${head("MCPServer", "t")}spec: {}
---
${head("WorkflowAccessPolicy", "w")}spec:
  rules:
  - callers: []
    activities: [{name: ""}]
---
${head("Configuration", "c")}spec:
  secrets: {scopes: [{storeName: s, defaultAccess: maybe}]}
`,
    "r/c.yaml":
      "apiVersion: dapr.io/v1alpha1\nkind: Componet\n---\napiVersion: v1beta1\nkind: Component\n---\napiVersion: v1\nkind: Secret\n---\na: 1\n",
  });
  assert.deepEqual(findings, [
    "error r/b.yaml:5 spec.topic: the subscription has no topic; add spec.topic",
    "error r/b.yaml:5 spec: the subscription has no route; add spec.routes.default (spec.route in v1alpha1)",
    'warning r/b.yaml:6 spec.pubsubname: no pub/sub component here is named "pubsub"; add the component, or a pub/sub of that name exists elsewhere',
    'error r/b.yaml:14 spec.policies.timeouts.fast: "5 seconds" is not a duration; write for example 5s or 500ms',
    'error r/b.yaml:15 spec.policies.retries.often.policy: "always" is no kind of retry; write constant or exponential',
    'error r/b.yaml:17 spec.targets.apps.a.timeout: no timeout policy is named "fats"; did you mean "fast"?',
    'error r/b.yaml:18 spec.targets.actors.b.circuitBreakerScope: "all" is no scope of a circuit breaker; write type, id or both',
    'error r/b.yaml:24 spec.baseUrl: "example.com" is no HTTP URL; write for example https://example.com',
    "error r/b.yaml:30 spec: spec.endpoint: exactly one of streamableHTTP, sse, or stdio must be set; correct the server",
    "error r/b.yaml:38 spec.rules[0].callers: must name at least one caller; correct the policy",
    "error r/b.yaml:39 spec.rules[0].activities[0].name: must not be empty; correct the policy",
    "error r/b.yaml:45 spec: defaultAccess maybe can be either allow or deny; correct it, a sidecar with this configuration does not start",
    'warning r/c.yaml:2 kind: kind "Componet" is not read; did you mean "Component"?',
    'error r/c.yaml:4 apiVersion: apiVersion "v1beta1" of kind Component is not read; write dapr.io/v1alpha1',
    "note r/c.yaml:8 kind: v1 Secret is none of our kinds and is passed over",
    "warning r/c.yaml:10 kind: has no kind and is not read; known: Component, Configuration, Subscription, Resiliency, HTTPEndpoint, MCPServer, WorkflowAccessPolicy",
  ]);
});

test("a single file can be checked, and a missing path is a finding", async () => {
  const contents = { "r/x.yaml": "a: [", "r/y.yaml": "b: [" };
  assert.deepEqual(await check(contents, ["r/y.yaml", "gone"]), [
    "error gone: no such file or folder; check the path",
    "error r/y.yaml:1: Flow sequence in block collection must be sufficiently indented and end with a ]; correct the YAML, this document is left out",
  ]);
});

test("access rules that say something else than they seem to are found", async () => {
  const findings = await check({
    "r/a.yaml": `${head("Configuration", "c")}spec:
  accessControl:
    trustDomain: public
    policies:
    - appId: shop
      namespace: default
      trustDomain: public
      defaultAction: alow
      operations:
      - name: /orders
        httpVerb: ["get", "*", "FETCH"]
        action: Deny
      - name: /more
`,
  });
  assert.deepEqual(findings, [
    "warning r/a.yaml:6 spec.accessControl: without defaultAction callers that no policy names are allowed, on Kubernetes denied; add defaultAction: deny",
    'warning r/a.yaml:12 spec.accessControl.policies[0].defaultAction: "alow" is no action and denies; write allow or deny',
    'warning r/a.yaml:15 spec.accessControl.policies[0].operations[0].httpVerb[0]: "get" is no verb of HTTP and never fits; write GET',
    'warning r/a.yaml:15 spec.accessControl.policies[0].operations[0].httpVerb[2]: "FETCH" is no verb of HTTP and never fits; known: *, GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH',
    "warning r/a.yaml:17 spec.accessControl.policies[0].operations[1]: an operation without action is denied; add allow or deny",
  ]);
});

test("name resolution is checked against its driver", async () => {
  const resolve = (text: string) =>
    check({ "r/a.yaml": `${head("Configuration", "c")}spec:\n  nameResolution: ${text}\n` });
  assert.deepEqual(await resolve('{component: Consul, configuration: {client: {address: "x"}, useCache: true}}'), []);
  assert.deepEqual(await resolve("{component: hashicorp.consu}"), [
    'error r/a.yaml:6 spec.nameResolution.component: unknown name resolver "hashicorp.consu"; did you mean "hashicorp.consul"?',
  ]);
  assert.deepEqual(await resolve("{component: consul, version: v2, configuration: {usecahe: true}}"), [
    'error r/a.yaml:6 spec.nameResolution.version: consul has no version "v2"; known: v1',
    'warning r/a.yaml:6 spec.nameResolution.configuration.usecahe: consul does not know "usecahe"; did you mean "useCache"?',
    'error r/a.yaml:6 spec.nameResolution.configuration: required property "client" is missing; correct it',
  ]);
});
