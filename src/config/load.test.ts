import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Files } from "../platform/types.ts";
import { componentProperties } from "./component-properties.ts";
import { ConfigError } from "./config-error.ts";
import { isSecretAllowed } from "./configuration.ts";
import { createDiskSource } from "./disk-source.ts";
import { expandVariables } from "./expand-variables.ts";
import { formatFinding } from "./finding.ts";
import { type LoadResources, loadResources } from "./load.ts";
import { componentLogName, isComponentDenied } from "./resource/component.ts";
import { ResourceError } from "./resource-error.ts";
import { dynamicText, resolvePlain } from "./yaml/scalar.ts";

function filesOf(contents: Readonly<Record<string, string>>): Files {
  const folder = (path: string) => Object.keys(contents).filter((name) => name.startsWith(`${path}/`));
  const never = () => Promise.reject(new Error("not for this test"));
  return {
    readText: async (path) => {
      const text = contents[path];
      if (text === undefined) throw new Error("no such file");
      return text;
    },
    list: async (path) => folder(path).map((name) => ({ name: name.slice(path.length + 1), kind: "file" as const })),
    stat: async (path) => {
      if (contents[path] !== undefined) return { kind: "file", size: 1, mtimeMs: 0 };
      return folder(path).length > 0 || path === "empty" ? { kind: "directory", size: 0, mtimeMs: 0 } : null;
    },
    readBytes: never,
    write: never,
    replace: never,
    makeDirectory: never,
    remove: never,
    realPath: never,
    readLink: never,
    watch: () => () => {},
  };
}

function load(contents: Readonly<Record<string, string>>, more: Partial<LoadResources> = {}) {
  const resourcesPaths = [
    ...new Set(Object.keys(contents).flatMap((path) => (path.includes("/") ? [path.split("/")[0] ?? ""] : []))),
  ];
  const files = filesOf(contents);
  return loadResources({ files, env: {}, appId: "app", namespace: "", resourcesPaths, configPaths: [], ...more });
}

function component(name: string, type = "state.in-memory", more = ""): string {
  return `apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: ${name}\n${more}spec:\n  type: ${type}\n  version: v1\n`;
}

async function fault(work: Promise<unknown>): Promise<ResourceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(ResourceError.is(error), String(error));
  return error;
}

test("a component keeps all that its file says, values as text", async () => {
  const { components, warnings } = await load({
    "r/a.yaml": `# first line
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: 123
  namespace: ns
  labels: {a: b}
auth:
  secretStore: vault
scopes: [app, other]
spec:
  type: state.redis
  version: v1
  ignoreErrors: yes
  initTimeout: 20s
  metadata:
  - name: text
    value: "007"
  - name: number
    value: 1.50
  - name: octal
    value: 010
  - name: big
    value: 9007199254740993
  - name: truth
    value: on
  - name: json
    value: {b: [1, "x"], a: null}
  - name: empty
    value: ""
  - name: none
    value:
  - name: secret
    secretKeyRef: {name: s}
  - name: keyed
    secretKeyRef: {name: s, key: k}
  - name: variable
    envRef: HOME
`,
  });
  assert.deepEqual(warnings, []);
  const [found] = components;
  assert.ok(found);
  const { metadata, ...rest } = found;
  assert.deepEqual(rest, {
    kind: "Component",
    name: "123",
    namespace: "ns",
    scopes: ["app", "other"],
    source: { file: "r/a.yaml", line: 2 },
    type: "state.redis",
    version: "v1",
    ignoreErrors: true,
    initTimeout: "20s",
    initTimeoutMs: 20_000,
    secretStore: "vault",
  });
  const none = { secretKeyRef: undefined, envRef: undefined };
  assert.deepEqual(metadata, [
    { name: "text", value: "007", ...none },
    { name: "number", value: "1.5", ...none },
    { name: "octal", value: "8", ...none },
    { name: "big", value: "9007199254740993", ...none },
    { name: "truth", value: "true", ...none },
    { name: "json", value: '{"a":null,"b":[1,"x"]}', ...none },
    { name: "empty", value: "", ...none },
    { name: "none", value: undefined, ...none },
    { name: "secret", value: undefined, secretKeyRef: { name: "s", key: "s" }, envRef: undefined },
    { name: "keyed", value: undefined, secretKeyRef: { name: "s", key: "k" }, envRef: undefined },
    { name: "variable", value: undefined, secretKeyRef: undefined, envRef: "HOME" },
  ]);
  assert.ok(Object.isFrozen(metadata[0]));
  assert.equal(componentLogName(found), "123 (state.redis/v1)");
});

test("quoted text may be indented as it likes", async () => {
  const texts: Record<string, string> = {
    '\'{\n\t  "/a": "/b",\n\t\t"/c": "it\'\'s"\n\t}\'': `{ "/a": "/b", "/c": "it's" }`,
    '\'{\n "a": 1,\n\n  "b": 2\n}\'': '{ "a": 1,\n"b": 2 }',
    '"{ \\"a\\\\\n\t b\\\n c\n d\n"': '{ "a\\ bc d ',
    "'''a\nb'''": "'a b'",
  };
  for (const [value, expected] of Object.entries(texts)) {
    const items = `  metadata:\n  - name: w\n    value: 'one\n two'\n  - name: x\n    value: ${value}\n`;
    const { components, warnings } = await load({ "r/a.yaml": component("one") + items });
    assert.deepEqual(warnings, []);
    assert.deepEqual(
      components[0]?.metadata.map((item) => item.value),
      ["one two", expected],
    );
  }
  const open = `${component("one")}---\n${component("two")}  metadata:\n  - name: x\n    value: 'a\n\tb\n`;
  const { components, warnings } = await load({ "r/a.yaml": open });
  assert.equal(components.length, 1);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]?.message ?? "", /^Missing closing/);
});

test("folders, files and documents keep their order; other kinds and files are passed over", async () => {
  const { components, warnings } = await load({
    "b/2.yml": component("fourth"),
    "b/1.yaml": `${component("first")}---\nkind: ConfigMap\napiVersion: v1\n---\n\n--- # more\n${component("second")}`,
    "b/readme.txt": "x",
    "a/0.YAML": `---\n${component("fifth")}`,
    "b/10.yaml": component("third"),
  });
  assert.deepEqual(
    components.map(({ name, source }) => `${name} ${source.file}:${source.line}`),
    ["first b/1.yaml:1", "second b/1.yaml:14", "third b/10.yaml:1", "fourth b/2.yml:1", "fifth a/0.YAML:2"],
  );
  assert.deepEqual(warnings.map(formatFinding), ["b/readme.txt: is no YAML file and is not loaded"]);
});

test("faults name file, line, path and the fix, and cost only their document", async () => {
  const { components, warnings } = await load({
    "r/bad.yaml": `${component("a/b%")}---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: typed
spec:
  type: state.redis
  version: v1
  ignoreErrors: "true"
  metadata:
  - name: a
    value: b
  - name: [x]
    value: c
---
a: [
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: good
spec:
  Type: state.redis
  versoin: v1
  metadata:
    name: not a list
---
${component("kept", "state.redis", "  anotations: {}\n")}`,
  });
  assert.deepEqual(
    components.map(({ name }) => name),
    ["kept"],
  );
  assert.deepEqual(warnings.map(formatFinding), [
    "r/bad.yaml:23: Flow sequence in block collection must be sufficiently indented and end with a ]; correct the YAML, this document is left out",
    `r/bad.yaml:4 metadata.name: invalid name "a/b%" for "Component": may not contain '/', may not contain '%'; choose another name`,
    'r/bad.yaml:16 spec.ignoreErrors: must be true or false, not the text "true"; write true or false without quotes',
    "r/bad.yaml:20 spec.metadata[1].name: must be text, not a list; write it in quotes",
    'r/bad.yaml:31 spec.versoin: unknown field "versoin"; did you mean "version"?',
    "r/bad.yaml:32 spec.metadata: must be a list, not a block of fields; begin each entry with a dash",
    'r/bad.yaml:39 metadata.anotations: unknown field "anotations"; did you mean "annotations"?',
  ]);
});

test("duplicate components stop the start in upstream's words, whatever their category", async () => {
  const error = await fault(
    load(
      {
        "r/0.yaml": [
          component("abc", "state.in-memory", "  namespace: mynamespace\n"),
          component("abc", "pubsub.in-memory"),
          component("abc", "state.in-memory", "  namespace: foobar\n"),
          component("123"),
          component("123", "state.in-memory", "  namespace: mynamespace\n"),
          component("123", "pubsub.in-memory"),
        ].join("---\n"),
      },
      { namespace: "mynamespace" },
    ),
  );
  assert.equal(
    error.startSentence,
    "failed to load components: duplicate definition of Component name abc (pubsub.in-memory/v1) with existing abc (state.in-memory/v1)\n" +
      "duplicate definition of Component name 123 (state.in-memory/v1) with existing 123 (state.in-memory/v1)\n" +
      "duplicate definition of Component name 123 (pubsub.in-memory/v1) with existing 123 (state.in-memory/v1)",
  );
  assert.equal(
    error.report.split("\n")[0],
    "r/0.yaml:10 metadata.name: duplicate definition of Component name abc (pubsub.in-memory/v1) with existing abc (state.in-memory/v1); rename one of them, the first stands in r/0.yaml:1",
  );
});

test("scopes and namespaces choose what is loaded", async () => {
  const contents = {
    "r/0.yaml": [
      component("none"),
      component("mine", "state.a", "  namespace: one\n"),
      component("theirs", "state.b", "  namespace: two\n"),
      `scopes: [other]\n${component("scoped")}`,
      component("scoped", "state.c"),
    ].join("---\n"),
  };
  const names = async (more: Partial<LoadResources>) => (await load(contents, more)).components.map(({ name }) => name);
  assert.deepEqual(await names({}), ["none", "mine", "theirs", "scoped"]);
  assert.deepEqual(await names({ namespace: "one" }), ["none", "mine", "scoped"]);
  // A second definition is refused even when its scope keeps it from this app.
  const after = { "r/0.yaml": `${component("x")}---\nscopes: [other]\n${component("x")}` };
  assert.equal((await fault(load(after))).subject, "components");
});

test("a missing folder stops the start", async () => {
  const error = await fault(load({}, { resourcesPaths: ["nowhere"] }));
  assert.equal(error.startSentence, "failed to load components: open nowhere: no such file or directory");
  assert.equal(error.report, "nowhere: no such file or directory; give an existing folder to --resources-path");
  assert.equal(
    (await fault(load({ "r/a.yaml": "" }, { resourcesPaths: ["r/a.yaml"] }))).message,
    "open r/a.yaml: not a directory",
  );
  assert.deepEqual((await load({}, { resourcesPaths: ["empty"] })).components, []);
});

test("subscriptions of both versions have one shape; a later one of the same name replaces", async () => {
  const { subscriptions } = await load({
    "r/s.yaml": `apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {name: one}
spec: {pubsubname: p, topic: B, route: /B}
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: two}
scopes: [app]
spec:
  pubsubname: p
  topic: t
  deadLetterTopic: dead
  metadata: {rawPayload: true, count: 5}
  routes:
    default: /d
    rules:
    - {match: event.type == "x", path: /x}
  bulkSubscribe: {enabled: true, maxMessagesCount: 10}
---
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {name: one}
spec: {pubsubname: p, topic: C, route: /C}
---
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {name: three}
scopes: [other]
spec: {pubsubname: p, topic: C, route: /C}
`,
  });
  assert.deepEqual(
    subscriptions.map(({ name, topic, rules }) => ({ name, topic, rules })),
    [
      {
        name: "two",
        topic: "t",
        rules: [
          { match: 'event.type == "x"', path: "/x" },
          { match: "", path: "/d" },
        ],
      },
      { name: "one", topic: "C", rules: [{ match: "", path: "/C" }] },
    ],
  );
  assert.deepEqual(subscriptions[0]?.metadata, { rawPayload: "true", count: "5" });
  assert.deepEqual(subscriptions[0]?.bulkSubscribe, { enabled: true, maxMessagesCount: 10, maxAwaitDurationMs: 0 });
  assert.equal(subscriptions[0]?.deadLetterTopic, "dead");
});

test("resiliency, endpoints, tool servers and access policies are read with defaults", async () => {
  const head = (kind: string, name: string) =>
    `apiVersion: dapr.io/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}}\n`;
  const found = await load({
    "r/all.yaml": [
      `${head("Resiliency", "res")}spec:
  policies:
    timeouts: {short: 5s}
    retries: {often: {policy: constant, duration: 1s, maxRetries: 3, matching: {httpStatusCodes: 500}}}
    circuitBreakers: {cb: {trip: consecutiveFailures > 1, timeout: 10s}}
  targets:
    apps: {other: {retry: often}}
    components: {store: {outbound: {timeout: short}}}
`,
      `${head("HTTPEndpoint", "ep")}spec:\n  baseUrl: http://x\n  headers: [{name: a, value: b}]\n  clientTLS: {rootCA: {secretKeyRef: {name: s}}}\n`,
      `${head("MCPServer", "tools")}spec:\n  endpoint: {streamableHTTP: {url: "http://t/mcp", timeout: 3s}}\n`,
      `${head("MCPServer", "wrong")}spec:\n  endpoint: {sse: {url: "ftp://t"}, stdio: {command: ""}}\n`,
      `${head("WorkflowAccessPolicy", "good")}spec:\n  rules: [{callers: [{appID: a}], workflows: [{name: "w*", operations: [schedule]}]}]\n`,
      `${head("WorkflowAccessPolicy", "empty-rule")}spec:\n  rules:\n  - callers: [{appID: a}]\n`,
      `${head("Configuration", "conf")}spec:\n  metric: {enabled: true}\n`,
    ].join("---\n"),
  });
  const [resiliency] = found.resiliencies;
  assert.deepEqual(resiliency?.policies.retries["often"], {
    policy: "constant",
    duration: "1s",
    maxInterval: "",
    maxRetries: 3,
    matching: { httpStatusCodes: "500", gRPCStatusCodes: "" },
  });
  assert.deepEqual(resiliency?.targets.components["store"], {
    inbound: { timeout: "", retry: "", circuitBreaker: "" },
    outbound: { timeout: "short", retry: "", circuitBreaker: "" },
  });
  assert.equal(found.httpEndpoints[0]?.clientTls.renegotiation, "Never");
  assert.deepEqual(found.httpEndpoints[0]?.clientTls.rootCA, {
    value: undefined,
    secretKeyRef: { name: "s", key: "s" },
  });
  assert.equal(found.mcpServers[0]?.spec.endpoint.streamableHTTP?.timeout, 3000);
  assert.deepEqual(found.mcpServers[0]?.faults, []);
  assert.deepEqual(found.mcpServers[1]?.faults, [
    "spec.endpoint: exactly one of streamableHTTP, sse, or stdio must be set",
    'MCPServer "wrong": sse.url scheme must be http or https, got "ftp"',
    "spec.endpoint.stdio.command: is required",
  ]);
  assert.deepEqual(
    found.workflowAccessPolicies.map(({ name }) => name),
    ["good"],
  );
  assert.deepEqual(
    found.configurationFiles.map(({ name }) => name),
    ["conf"],
  );
  assert.deepEqual(found.warnings.map(formatFinding), [
    'r/all.yaml:44 spec.rules[0]: WorkflowAccessPolicy "empty-rule" failed validation, skipping: spec.rules[0]: at least one of workflows or activities must contain a rule; correct the policy',
  ]);
});

test("without files there is the default configuration", async () => {
  const { configuration } = await load({});
  assert.deepEqual(configuration.features, ["HotReload", "WorkflowsRemoteActivityReminder"]);
  assert.deepEqual(configuration.accessControl, { defaultAction: "allow", trustDomain: "public", policies: [] });
  assert.equal(configuration.metrics.specText, '{"enabled":true}');
  assert.equal(configuration.metrics.http.increasedCardinality, true);
  assert.equal(configuration.metrics.latencyBuckets.length, 34);
  assert.deepEqual(configuration.tracing, {
    samplingRate: "",
    stdout: false,
    zipkinEndpoint: "",
    otel: { protocol: "", endpoint: "", secure: true, headers: [], timeoutMs: undefined },
    batch: { delayMs: 5000, queue: 2048, batch: 512, timeoutMs: 30_000 },
    resource: { serviceName: "", attributes: [], faults: [] },
  });
  assert.equal(configuration.nameResolution, null);
});

function configure(contents: Readonly<Record<string, string>>, env: Record<string, string> = {}) {
  return load(contents, { configPaths: Object.keys(contents), env });
}

test("configuration files are laid over each other in order", async () => {
  const { configuration, warnings } = await configure(
    {
      "1.yaml": `apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: first}
spec:
  features: [{name: Feature1, enabled: true}]
  tracing: {samplingRate: 0.5, zipkin: {endpointAddress: "\${ZIPKIN}/api"}}
  metric: {recordErrorCodes: true, http: {pathMatching: [/a], excludeVerbs: on}}
  secrets: {scopes: [{storeName: s, defaultAccess: Deny, allowedSecrets: [b, a]}]}
  accessControl: {trustDomain: td}
  nameResolution: {component: sqlite, configuration: {a: 1}}
  api: {allowed: [{name: state, version: v1.0, protocol: HTTP}]}
`,
      "2.yaml": `apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: second}
spec:
  features:
  - {name: Feature2, enabled: true}
  - {name: HotReload, enabled: false}
  tracing: {stdout: true}
  metrics: {enabled: false, http: {increasedCardinality: false}}
  nameResolution: {version: v1, configuration: {b: 2}}
  loging: {}
  workflow: {maxConcurrentWorkflowInvocations: 7, stateRetentionPolicy: {anyTerminal: 1h}}
---
not: read
`,
    },
    { ZIPKIN: "http://z" },
  );
  assert.equal(configuration.name, "second");
  assert.deepEqual(configuration.features, ["Feature2", "WorkflowsRemoteActivityReminder"]);
  assert.equal(configuration.tracing.samplingRate, "0.5");
  assert.equal(configuration.tracing.stdout, true);
  assert.equal(configuration.tracing.zipkinEndpoint, "http://z/api");
  assert.equal(configuration.metrics.enabled, false);
  assert.equal(configuration.metrics.recordErrorCodes, true);
  assert.deepEqual(configuration.metrics.http, { increasedCardinality: false, pathMatching: [], excludeVerbs: false });
  assert.equal(
    configuration.metrics.specText,
    '{"enabled":false,"recordErrorCodes":true,"http":{"increasedCardinality":false}}',
  );
  assert.deepEqual(configuration.accessControl, { defaultAction: "allow", trustDomain: "td", policies: [] });
  assert.deepEqual(configuration.nameResolution, { component: "sqlite", version: "v1", configuration: { b: 2 } });
  assert.deepEqual(configuration.api.allowed, [{ name: "state", version: "v1.0", protocol: "http" }]);
  assert.equal(configuration.workflow.maxConcurrentWorkflowInvocations, 7);
  assert.equal(configuration.workflow.stateRetentionPolicy?.anyTerminal, 3_600_000);
  assert.deepEqual(warnings.map(formatFinding), [
    '2.yaml:11 spec.loging: unknown field "loging"; did you mean "logging"?',
  ]);
  const [scope] = configuration.secretScopes;
  assert.ok(scope);
  assert.deepEqual(
    ["a", "c"].map((name) => isSecretAllowed(scope, name)),
    [true, false],
  );
});

test("the environment configures tracing where files do not", async () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://o:4317",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://t:4318",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_INSECURE: "true",
    OTEL_EXPORTER_OTLP_HEADERS: "a=1%202, b = x ",
    OTEL_EXPORTER_OTLP_TIMEOUT: "1500",
  };
  const { tracing } = (await configure({}, env)).configuration;
  assert.equal(tracing.samplingRate, "1");
  assert.deepEqual(tracing.otel, {
    protocol: "http",
    endpoint: "t:4318",
    secure: false,
    headers: ["a=1 2", "b=x"],
    timeoutMs: 1500,
  });
  const own = await configure(
    { "c.yaml": "spec: {tracing: {otel: {endpointAddress: own, headers: [k=v], timeout: 3s}}}" },
    env,
  );
  const { otel, samplingRate } = own.configuration.tracing;
  assert.deepEqual(
    [otel, samplingRate],
    [{ protocol: "", endpoint: "own", secure: false, headers: ["k=v"], timeoutMs: 3000 }, ""],
  );
  const bare = await configure(
    { "c.yaml": "spec: {tracing: {otel: {endpointAddress: own, isSecure: true}}}" },
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://other",
      OTEL_EXPORTER_OTLP_HEADERS: "a=b,bad,c=%zz,d=1",
      OTEL_EXPORTER_OTLP_TIMEOUT: "soon",
    },
  );
  assert.deepEqual(bare.configuration.tracing.otel, {
    protocol: "",
    endpoint: "own",
    secure: true,
    headers: ["a=b", "d=1"],
    timeoutMs: undefined,
  });
});

test("a configuration that cannot be used stops the start", async () => {
  const scopes = (text: string) => ({ "c.yaml": `spec: {secrets: {scopes: [${text}]}}` });
  const cases: [Record<string, string>, string][] = [
    [
      scopes("{storeName: a}, {storeName: a}"),
      "error loading configuration: a storeName is repeated in secrets configuration",
    ],
    [
      scopes("{storeName: a, defaultAccess: no}"),
      "error loading configuration: defaultAccess no can be either allow or deny",
    ],
    [
      { "c.yaml": "spec:\n  tracing: {stdout: maybe}\n  metric: 5" },
      'error loading configuration: c.yaml:2 spec.tracing.stdout: must be true or false, not the text "maybe"; write true or false without quotes\n' +
        "c.yaml:3 spec.metric: must be a block of fields, not the number 5; indent the fields below it",
    ],
    [
      { "c.yaml": "a: 1\na: 2" },
      "error loading configuration: c.yaml:2: Map keys must be unique; correct the YAML, this document is left out",
    ],
    [
      {
        "c.yaml":
          "spec: {accessControl: {policies: [{appId: x, trustDomain: t}, {appId: y, namespace: n}, {trustDomain: t, namespace: n}]}}",
      },
      "invalid access control spec. missing trustdomain for apps: [y], missing namespace for apps: [x], missing app name on at least one of the app policies: true",
    ],
  ];
  for (const [contents, message] of cases) {
    await assert.rejects(configure(contents), (error) => {
      assert.ok(ConfigError.is(error));
      assert.equal(error.sentence, `Fatal error from runtime: ${message}`);
      return true;
    });
  }
  await assert.rejects(load({}, { configPaths: ["gone.yaml"] }), {
    message: "stat gone.yaml: no such file or directory",
  });
});

test("templates are filled in, each uuid anew", () => {
  let count = 0;
  const values = { uuid: () => `u${++count}`, podName: "", namespace: "default", appId: "app" };
  const item = (name: string, value: string) => ({ name, value, secretKeyRef: undefined, envRef: undefined });
  const items = [item("a", "{uuid}-{uuid}"), item("b", "{namespace}/{appID}/{other}"), item("a", "$&{appID}")];
  assert.deepEqual(
    [...componentProperties(items, values)],
    [
      ["a", "$&app"],
      ["b", "default.app/app/{other}"],
    ],
  );
  assert.throws(() => componentProperties([item("p", "{podName}")], values), {
    message: "failed to parse metadata: property p refers to {podName} but podName is not set",
  });
});

test("a deny list keeps out types and versions", () => {
  const redis = { type: "state.redis", version: "v1" };
  assert.equal(isComponentDenied(redis, []), false);
  assert.equal(isComponentDenied(redis, ["state.redis"]), true);
  assert.equal(isComponentDenied(redis, ["state.redis/v2", "a/b/c"]), false);
  assert.equal(isComponentDenied({ ...redis, version: "" }, ["pubsub.x"]), true);
});

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: these are not templates of ours
test("variables in configuration files are expanded as Go does", () => {
  const value = (name: string) => ({ A: "1", AB: "2", $: "pid" })[name];
  const cases: [string, string][] = [
    ["$A-${AB}-$C.", "1-2-."],
    ["${}x${A", "xA"],
    ["$ $.x 5$", "$ $.x 5$"],
    ["$$A", "pidA"],
    ["a$1b", "ab"],
  ];
  for (const [text, expanded] of cases) assert.equal(expandVariables(text, value), expanded, text);
});

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: until here

test("plain words are read as upstream's YAML readers do", () => {
  const cases: [string, unknown, unknown][] = [
    ["yes", true, "yes"],
    ["N", false, "N"],
    ["true", true, true],
    ["~", null, null],
    ["0x1F", 31, 31],
    ["0b11", 3, 3],
    ["0o17", 15, 15],
    ["017", 15, 15],
    ["08", 8, 8],
    ["1_000", 1000, 1000],
    ["-5", -5, -5],
    ["1e3", 1000, 1000],
    [".5", 0.5, 0.5],
    ["1.2.3", "1.2.3", "1.2.3"],
    ["2001-01-01", "2001-01-01", "2001-01-01"],
    ["127.0.0.1", "127.0.0.1", "127.0.0.1"],
    ["18446744073709551615", 18446744073709551615n, 18446744073709551615n],
    ["-", "-", "-"],
    ["12:30", "12:30", "12:30"],
  ];
  for (const [text, old, recent] of cases) {
    assert.deepEqual([resolvePlain(text, "resource"), resolvePlain(text, "configuration")], [old, recent], text);
  }
  assert.equal(dynamicText({ b: 1n, a: [true, null, "x"] }), '{"a":[true,null,"x"],"b":1}');
});

test("any text in a folder is loaded or becomes a finding", async () => {
  const line = fc.constantFrom(
    "apiVersion: dapr.io/v1alpha1",
    "kind: Component",
    "kind: Resiliency",
    "metadata:",
    "  name: a",
    "spec:",
    "  type: state.x",
    "  metadata: [{name: 1, value: {}}]",
    "  metadata: &a [*a]",
    "<<: *a",
    "---",
    "- x",
    "\t",
    "__proto__: {a: 1}",
    "? [a]",
    "!!int x: !foo bar",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(line, fc.string()), { maxLength: 12 }), async (lines) => {
      try {
        const { warnings } = await load({ "r/x.yaml": lines.join("\n") });
        for (const finding of warnings)
          assert.ok(finding.line >= 1 && finding.line <= lines.length + 1, formatFinding(finding));
      } catch (error) {
        assert.ok(ResourceError.is(error), String(error));
      }
    }),
  );
});

test("a source calls back once for changes that come together", async () => {
  const woken: (() => void)[] = [];
  const watched = new Map<string, () => void>();
  const files: Files = {
    ...filesOf({ "r/a.yaml": component("x") }),
    watch: (path, changed) => {
      watched.set(path, changed);
      return () => watched.delete(path);
    },
  };
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: async () => {},
    alarm: () => () => {},
    after: (_ms: number, wake: () => void) => {
      woken.push(wake);
      return () => woken.splice(woken.indexOf(wake), 1);
    },
  };
  const source = createDiskSource(
    { files, env: {}, appId: "app", namespace: "", resourcesPaths: ["r"], configPaths: [] },
    clock,
  );
  let changes = 0;
  const stop = source.watch(() => (changes += 1));
  watched.get("r")?.();
  watched.get("r")?.();
  assert.equal(woken.length, 1);
  woken[0]?.();
  assert.equal(changes, 1);
  stop();
  assert.equal(watched.size, 0);
  assert.deepEqual(
    (await source.list()).components.map(({ name }) => name),
    ["x"],
  );
});

test("the scheme of an endpoint from the environment says whether it is secure", async () => {
  const secure = async (endpoint: string) =>
    (await configure({}, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).configuration.tracing.otel;
  assert.deepEqual(
    [(await secure("http://o:4317")).secure, (await secure("http://o:4317/base")).endpoint],
    [false, "o:4317/base"],
  );
  assert.deepEqual([(await secure("https://o")).secure, (await secure("o:4317")).secure], [true, true]);
});

test("what the environment says of batches and of the service", async () => {
  const { batch, resource } = (
    await configure(
      {},
      {
        OTEL_BSP_SCHEDULE_DELAY: "100",
        OTEL_BSP_MAX_QUEUE_SIZE: "10",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "50",
        OTEL_BSP_EXPORT_TIMEOUT: "-1",
        OTEL_SERVICE_NAME: " svc ",
        OTEL_RESOURCE_ATTRIBUTES: "a.b = c%20d,x=y=z,bad,k=v%zz,",
      },
    )
  ).configuration.tracing;
  assert.deepEqual(batch, { delayMs: 100, queue: 10, batch: 10, timeoutMs: 30_000 });
  assert.deepEqual(resource, {
    serviceName: "svc",
    attributes: [
      ["a.b", "c d"],
      ["x", "y=z"],
      ["k", "v%zz"],
    ],
    faults: ["bad", ""],
  });
});
