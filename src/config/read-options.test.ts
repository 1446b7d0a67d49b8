import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "./config-error.ts";
import { daprdFlags } from "./daprd-flags.ts";
import { readEnvReference } from "./env.ts";
import { flag, parseFlags } from "./flags.ts";
import { type Options, sidecarEnvironment } from "./options.ts";
import { daprdHelp, readDaprdCommand } from "./read-options.ts";

function options(args: readonly string[], env: Record<string, string> = {}): Options {
  const command = readDaprdCommand(["--app-id", "a", ...args], env);
  assert.ok(command.action === "run");
  return command.options;
}

function fault(args: readonly string[]): ConfigError {
  try {
    readDaprdCommand(args, {});
  } catch (error) {
    if (ConfigError.is(error)) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: `no error for ${args.join(" ")}` });
}

test("an app id alone gives upstream's defaults", () => {
  const found = options([]);
  const { tracing, ...rest } = found;
  assert.deepEqual(rest, {
    mode: "standalone",
    appId: "a",
    namespace: "",
    currentNamespace: "default",
    podName: "",
    hostAddress: "",
    apiToken: "",
    appToken: "",
    trustAnchors: "",
    sentryTokenFile: "",
    sentryLocalIdentity: "",
    componentsSocketsFolder: "/tmp/dapr-components-sockets",
    disableH2c: false,
    peerMaxIdleMs: 180_000,
    peerCollectIntervalMs: 45_000,
    httpPort: 3500,
    grpcPort: 50001,
    internalGrpcPort: 0,
    listenAddresses: [""],
    internalListenAddress: "",
    publicPort: null,
    publicListenAddress: "",
    profilePort: 7777,
    profiling: false,
    metrics: { enabled: true, port: 9090, listenAddress: "0.0.0.0" },
    app: {
      port: 0,
      protocol: "http",
      channelAddress: "127.0.0.1",
      maxConcurrency: 0,
      bindingOptionsTimeoutMs: 3000,
      health: { enabled: false, path: "/healthz", intervalMs: 5000, timeoutMs: 500, threshold: 3 },
    },
    resourcesPaths: [],
    configPaths: [],
    maxBodySize: 4_194_304,
    readBufferSize: 4096,
    unixDomainSocket: "",
    gracefulShutdownSeconds: 5,
    blockShutdownMs: null,
    apiLogging: null,
    logLevel: "info",
    logAsJson: false,
    logFile: "",
    disableInitEndpoints: [],
    hotReloadIntervalMs: 60_000,
    allowedOrigins: [],
    enableMtls: false,
    controlPlaneAddress: "",
    controlPlaneTrustDomain: "localhost",
    controlPlaneNamespace: "default",
    sentryAddress: "",
    sentryAudiences: [],
    placementAddresses: [],
    actorsDisseminateTimeoutMs: 30_000,
    schedulerAddresses: [],
    schedulerJobStreams: 3,
    disableKubernetesSecretStore: false,
  });
  assert.deepEqual(tracing, {
    endpoint: undefined,
    protocol: "grpc",
    insecure: false,
    headers: undefined,
    timeout: undefined,
    serviceName: "",
    resourceAttributes: "",
    batch: { delay: undefined, queue: undefined, batch: undefined, timeout: undefined },
  });
  assert.ok(Object.isFrozen(found.app.health));
});

test("Go's spellings of flags are understood", () => {
  const found = options([
    "-dapr-http-port=1",
    "-dapr-grpc-port",
    "2",
    "--enable-metrics=false",
    "-enable-mtls",
    "--resources-path=a,b",
    "--resources-path",
    '"c,d"',
    "ignored",
    "--config=x.yaml",
    "--config=y.yaml",
    "--dapr-listen-addresses=[::1],127.0.0.1",
    "--placement-host-address=p:1, q:2",
    "--scheduler-host-address=",
    "--app-max-concurrency",
    "-1",
    "--app-health-probe-interval=0",
    "--app-health-threshold=0",
    "--max-body-size=8Mi",
    "--read-buffer-size=-1",
    "--dapr-block-shutdown-duration=3m",
    "--enable-api-logging=0",
    "--disable-init-endpoints=Config, subscribe,",
    "--app-protocol=GRPC",
    "--dapr-public-port=0",
    "--",
    "--no-flag",
  ]);
  assert.equal(found.httpPort, 1);
  assert.equal(found.grpcPort, 2);
  assert.equal(found.metrics.enabled, false);
  assert.equal(found.enableMtls, true);
  assert.deepEqual(found.resourcesPaths, ["a", "b", "c,d"]);
  assert.deepEqual(found.configPaths, ["x.yaml", "y.yaml"]);
  assert.deepEqual(found.listenAddresses, ["[::1]", "127.0.0.1"]);
  assert.deepEqual(found.placementAddresses, ["p:1", "q:2"]);
  assert.deepEqual(found.schedulerAddresses, []);
  assert.equal(found.app.maxConcurrency, 0);
  assert.deepEqual(found.app.health, {
    enabled: false,
    path: "/healthz",
    intervalMs: 5000,
    timeoutMs: 500,
    threshold: 3,
  });
  assert.equal(found.maxBodySize, 8_388_608);
  assert.equal(found.readBufferSize, 4096);
  assert.equal(found.blockShutdownMs, 180_000);
  assert.equal(found.apiLogging, false);
  assert.deepEqual(found.disableInitEndpoints, ["config", "subscribe"]);
  assert.equal(found.app.protocol, "grpc");
  assert.equal(found.publicPort, 0);
});

test("deprecated flags work and give a notice", () => {
  const command = readDaprdCommand(
    ["--app-id=a", "--components-path=c", "--app-ssl", "--dapr-http-max-request-size=2"],
    {},
  );
  assert.ok(command.action === "run");
  assert.deepEqual(command.options.resourcesPaths, ["c"]);
  assert.equal(command.options.app.protocol, "https");
  assert.equal(command.options.maxBodySize, 2_097_152);
  assert.deepEqual(command.notices, [
    "Flag --components-path has been deprecated, use --resources-path",
    "Flag --app-ssl has been deprecated, use '--app-protocol https|grpcs'",
    "Flag --dapr-http-max-request-size has been deprecated, use '--max-body-size 4Mi'",
    "The 'app-ssl' flag is deprecated; use 'app-protocol=https' instead",
  ]);
});

test("the environment fills in what flags leave open", () => {
  const env = {
    NAMESPACE: "",
    POD_NAME: "pod",
    DAPR_HOST_IP: "127.0.0.1",
    DAPR_API_TOKEN: "t",
    APP_API_TOKEN: "u",
    DAPR_CONTROLPLANE_NAMESPACE: "ns",
    DAPR_CONTROLPLANE_TRUST_DOMAIN: "td",
    DAPR_SCHEDULER_HOST_ADDRESS_DNS_A: "s:1,s:2",
    DAPR_GRPC_MAX_CONN_IDLE: "10s",
    DAPR_GRPC_CONN_COLLECTOR_INTERVAL: "soon",
    DAPR_HTTP_DISABLE_H2C: "yes",
  };
  const found = options([], env);
  assert.equal(found.currentNamespace, "");
  assert.deepEqual([found.podName, found.hostAddress, found.apiToken, found.appToken], ["pod", "127.0.0.1", "t", "u"]);
  assert.deepEqual([found.controlPlaneNamespace, found.controlPlaneTrustDomain], ["ns", "td"]);
  assert.deepEqual(found.schedulerAddresses, ["s:1", "s:2"]);
  assert.deepEqual([found.peerMaxIdleMs, found.peerCollectIntervalMs, found.disableH2c], [10_000, 45_000, true]);
  assert.equal(options(["--control-plane-trust-domain=x"], env).controlPlaneTrustDomain, "x");
  assert.deepEqual(options(["--scheduler-host-address=z:1"], env).schedulerAddresses, ["z:1"]);
});

test("faults have upstream's words and exit codes", () => {
  const id = "--app-id=a";
  const cases: [string[], string, number][] = [
    [["--nope"], "unknown flag: --nope", 2],
    [["-nope=1"], "unknown flag: --nope", 2],
    [["-x"], "unknown shorthand flag: 'x' in -x", 2],
    [["---x"], "bad flag syntax: ---x", 2],
    [["--app-id"], "flag needs an argument: --app-id", 2],
    [
      ["--app-max-concurrency=ten"],
      'invalid argument "ten" for "--app-max-concurrency" flag: strconv.ParseInt: parsing "ten": invalid syntax',
      2,
    ],
    [
      ["--enable-mtls=yes"],
      'invalid argument "yes" for "--enable-mtls" flag: strconv.ParseBool: parsing "yes": invalid syntax',
      2,
    ],
    [
      ["--scheduler-job-streams=-3"],
      'invalid argument "-3" for "--scheduler-job-streams" flag: strconv.ParseUint: parsing "-3": invalid syntax',
      2,
    ],
    [
      ["--actors-disseminate-timeout=5"],
      'invalid argument "5" for "--actors-disseminate-timeout" flag: time: missing unit in duration "5"',
      2,
    ],
    [
      [id, "--actors-disseminate-timeout=-1s"],
      "Failed to parse flags: invalid value for 'actors-disseminate-timeout' option: must be positive, got -1s",
      1,
    ],
    [
      [id, "--max-body-size=4MB"],
      `Failed to parse flags: invalid value for 'max-body-size' option: cannot read "4MB" as a quantity, write for example 4Mi, 512Ki or 1000`,
      1,
    ],
    [[id, "--log-level=loud"], "Failed to parse flags: invalid value for --log-level: loud", 1],
    [[], "Fatal error from runtime: parameter app-id cannot be empty", 1],
    [[id, "--mode=swarm"], "Fatal error from runtime: invalid mode: swarm", 1],
    [[id, "--scheduler-job-streams=0"], "Fatal error from runtime: must define at least 1 scheduler stream, got 0", 1],
    [[id, "--control-plane-trust-domain="], "Fatal error from runtime: control plane trust domain is required", 1],
    [
      [id, "--control-plane-trust-domain=A/b"],
      "Fatal error from runtime: invalid control plane trust domain: trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores",
      1,
    ],
    [
      [id, "--metrics-port=x"],
      'Fatal error from runtime: failed to parse metrics port: strconv.Atoi: parsing "x": invalid syntax',
      1,
    ],
    [["--app-id=a.b"], "Fatal error from runtime: parameter app-id cannot contain dots", 1],
    [
      [id, "--dapr-http-port=http"],
      'Fatal error from runtime: error parsing dapr-http-port flag: strconv.Atoi: parsing "http": invalid syntax',
      1,
    ],
    [
      [id, "--app-port=70000"],
      "Fatal error from runtime: error parsing app-port: 70000 is above 65535, the highest port",
      1,
    ],
    [
      [id, "--app-port=3500"],
      "Fatal error from runtime: the 'dapr-http-port' argument value 3500 conflicts with 'app-port'",
      1,
    ],
    [
      [id, "--app-port=50001"],
      "Fatal error from runtime: the 'dapr-grpc-port' argument value 50001 conflicts with 'app-port'",
      1,
    ],
    [[id, "--app-protocol=tcp"], "Fatal error from runtime: invalid value for 'app-protocol': tcp", 1],
    [[id, "--disable-init-endpoints=x"], "Fatal error from runtime: invalid value for 'disable-init-endpoints': x", 1],
    [
      [id, "--app-health-probe-timeout=6000"],
      "Fatal error from runtime: value for 'health-probe-timeout' must be smaller than 'health-probe-interval'",
      1,
    ],
  ];
  for (const [args, line, exitCode] of cases) {
    const error = fault(args);
    assert.equal(error.sentence, line);
    assert.equal(error.exitCode, exitCode, line);
  }
});

test("help, version and wait come before any check", () => {
  assert.equal(readDaprdCommand(["--help"], {}).action, "help");
  assert.equal(readDaprdCommand(["-h"], {}).action, "help");
  assert.equal(readDaprdCommand(["--version"], {}).action, "version");
  assert.equal(readDaprdCommand(["-build-info"], {}).action, "buildInfo");
  assert.deepEqual(readDaprdCommand(["--wait", "--dapr-http-port=7"], {}), {
    action: "wait",
    httpPort: 7,
    notices: [],
  });
});

test("help names every flag that is not deprecated, with its default", () => {
  const help = daprdHelp("pillion daprd");
  for (const [name, one] of Object.entries(daprdFlags)) {
    assert.equal(help.includes(`--${name} `), !("deprecated" in one) || one.deprecated === undefined, name);
  }
  assert.match(help, / --actors-disseminate-timeout duration +Time for one round of actor placement \(default 30s\)\n/);
  assert.match(help, / --enable-metrics +Serve Prometheus metrics \(default true\)\n/);
});

test("one-letter flags and unknown flags can stay with a command line of an app", () => {
  const table = { "app-id": flag.text("", "id", { short: "a" }), verbose: flag.bool(false, "talk") };
  const parsed = parseFlags(table, ["-a", "x", "node", "--inspect", "app.js", "--verbose", "--", "--verbose=no"], {
    unknown: "keep",
  });
  assert.deepEqual(parsed.values, { "app-id": "x", verbose: true });
  assert.deepEqual(parsed.rest, ["node", "--inspect", "app.js"]);
  assert.deepEqual(parsed.command, ["--verbose=no"]);
});

test("a text flag gives back any value, given with an equals sign", () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.stringMatching(/^[^",\n]+$/)), (text, list) => {
      const table = { text: flag.text("", ""), list: flag.list("") };
      const quoted = list.map((item) => `"${item.replaceAll('"', '""')}"`).join(",");
      const parsed = parseFlags(table, [`--text=${text}`, `--list=${quoted}`], { singleDash: true });
      assert.equal(parsed.values.text, text);
      assert.deepEqual(parsed.values.list, list);
    }),
  );
});

test("every command line gives options or a ConfigError", () => {
  const names = Object.keys(daprdFlags);
  const word = fc.oneof(
    fc.constantFrom(...names.flatMap((name) => [`--${name}`, `-${name}`, `--${name}=`, `--${name}=1`])),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(word), (args) => {
      try {
        readDaprdCommand(args, {});
      } catch (error) {
        assert.ok(ConfigError.is(error), String(error));
      }
    }),
  );
});

test("resources may read variables, but not ours", () => {
  const env = { PATH_X: "v", DAPR_API_TOKEN: "t", APP_API_TOKEN: "t" };
  assert.equal(readEnvReference(env, "PATH_X"), "v");
  assert.equal(readEnvReference(env, "OTHER"), "");
  for (const name of ["", "DAPR_API_TOKEN", "dapr_api_token", "APP_API_TOKEN", "A B"]) {
    assert.equal(readEnvReference(env, name), null, name);
  }
  const listed = { ...env, DAPR_ENV_KEYS: "A PATH_X" };
  assert.equal(readEnvReference(listed, "PATH_X"), "v");
  assert.equal(readEnvReference(listed, "PATH"), null);
});

test("a sidecar's own variables carry its real ports", () => {
  const ports = { httpPort: 1, grpcPort: 2, internalGrpcPort: 3, hostAddress: "10.0.0.1" };
  assert.deepEqual(sidecarEnvironment(options(["--app-port=9"]), ports), {
    APP_ID: "a",
    APP_PORT: "9",
    HOST_ADDRESS: "10.0.0.1",
    DAPR_PORT: "3",
    DAPR_GRPC_PORT: "2",
    DAPR_HTTP_PORT: "1",
    DAPR_METRICS_PORT: "9090",
    DAPR_PROFILE_PORT: "7777",
  });
});
