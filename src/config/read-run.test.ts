import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../kit/seeded-random.ts";
import type { Files } from "../platform/types.ts";
import { ConfigError } from "./config-error.ts";
import { readRunCommand } from "./read-run.ts";
import type { RunPlan } from "./run-plan.ts";

/** A disk of text files; every folder above a file is there. */
function diskOf(content: Readonly<Record<string, string>>): Files {
  const paths = Object.keys(content);
  const isFolder = (path: string): boolean => paths.some((one) => one.startsWith(`${path}/`));
  const never = () => Promise.reject(new Error("this disk is only read"));
  return {
    readText: async (path) => content[path] ?? (await never()),
    list: async (path) =>
      paths
        .filter((one) => one.startsWith(`${path}/`) && !one.slice(path.length + 1).includes("/"))
        .map((one) => ({ name: one.slice(path.length + 1), kind: "file" as const })),
    stat: async (path) => {
      const text = content[path];
      if (text !== undefined) return { kind: "file", size: text.length, mtimeMs: 0 };
      return isFolder(path) ? { kind: "directory", size: 0, mtimeMs: 0 } : null;
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

interface Given {
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

function read(args: readonly string[], { files = {}, env = {}, stdin = "" }: Given = {}): Promise<RunPlan> {
  return readRunCommand(args, {
    env: { HOME: "/home/me", ...env },
    files: diskOf(files),
    random: createSeededRandom(7),
    cwd: "/srv",
    readStdin: async () => stdin,
  });
}

async function onlyApp(args: readonly string[], given?: Given) {
  const [app, ...more] = (await read(args, given)).apps;
  assert.ok(app !== undefined && more.length === 0);
  return app;
}

const refusal = async (args: readonly string[], given?: Given): Promise<string> => {
  const error: unknown = await read(args, given).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(ConfigError.is(error), "it was not refused");
  return error.message;
};

test("one app: on loopback, with free ports and no control plane, in the working folder", async () => {
  const { options, command, directory, hasResources } = await onlyApp([
    "--app-id",
    "a",
    "-p",
    "3000",
    "--",
    "node",
    "x.js",
  ]);
  assert.deepEqual([options.appId, options.app.port, options.app.protocol], ["a", 3000, "http"]);
  assert.deepEqual([options.httpPort, options.grpcPort, options.internalGrpcPort, options.metrics.port], [0, 0, 0, 0]);
  assert.deepEqual(options.listenAddresses, ["127.0.0.1"]);
  assert.equal(options.internalListenAddress, "127.0.0.1");
  assert.equal(options.metrics.listenAddress, "127.0.0.1");
  assert.deepEqual([options.placementAddresses, options.schedulerAddresses], [[], []]);
  assert.deepEqual([command, directory, hasResources], [["node", "x.js"], "/srv", false]);
  assert.equal((await read([])).dataDir, "/home/me/.pillion");
  assert.equal((await read(["--data-dir", "../d"])).dataDir, "/d");
});

test("an app without an id gets two words", async () => {
  const { options } = await onlyApp([]);
  assert.match(options.appId, /^[a-z]+-[a-z]+$/);
});

test("flags stand before, in and after a command without --, and belong to the app behind it", async () => {
  const mixed = await onlyApp(["--app-id", "a", "node", "x.js", "--resources-path", "../c", "-p3000"]);
  assert.deepEqual(mixed.command, ["node", "x.js"]);
  assert.deepEqual([mixed.options.resourcesPaths, mixed.options.app.port], [["../c"], 3000]);
  const split = await onlyApp(["--app-id=a", "--", "node", "--app-id", "b", "-p", "1"]);
  assert.deepEqual([split.command, split.options.appId], [["node", "--app-id", "b", "-p", "1"], "a"]);
  assert.match(await refusal(["node", "x.js", "--silent"]), /unknown flag: --silent.*behind "--"/);
});

test("resources come from flags, else from the data folder", async () => {
  const files = { "/home/me/.pillion/components/a.yaml": "", "/home/me/.pillion/config.yaml": "" };
  const found = await onlyApp(["--app-id", "a"], { files });
  assert.deepEqual(found.options.resourcesPaths, ["/home/me/.pillion/components"]);
  assert.deepEqual(found.options.configPaths, ["/home/me/.pillion/config.yaml"]);
  assert.ok(found.hasResources);
  const given = await onlyApp(["--app-id", "a", "--resources-path", "x,y", "--resources-path", "z", "-c", "c.yaml"], {
    files,
  });
  assert.deepEqual(given.options.resourcesPaths, ["x", "y", "z"]);
  assert.deepEqual(given.options.configPaths, ["c.yaml"]);
  const empty = await onlyApp(["--app-id", "a"], { files: { "/home/me/.pillion/components/readme.md": "" } });
  assert.deepEqual([empty.options.resourcesPaths, empty.hasResources], [[], false]);
});

const template = `version: 1
name: shop
common:
  resourcesPath: ./shared
  logLevel: debug
  appProtocol: grpc
  env:
    A: common
    B: common
apps:
  - appDirPath: ./orders/
    appPort: 3001
    daprHTTPPort: 3501
    appProtocol: http
    env: {B: 1.10, C: yes, D: "", E: 007}
    command: ["node", "x y.js"]
  - appID: shipping
    appDirPath: ../ship
    configFilePath: own.yaml
    resourcesPaths: [one, ~/two]
    daprdLogDestination: console
`;
const templateFiles = {
  "/srv/dapr.yaml": template,
  "/srv/orders/x y.js": "",
  "/srv/shared/s.yaml": "",
  "/ship/own.yaml": "",
  "/ship/one/o.yaml": "",
  "/home/me/two/t.yaml": "",
};

test("a template: paths, common fields, variables and log destinations", async () => {
  const plan = await read(["-f", ".", "--data-dir", "/d"], { files: templateFiles });
  assert.deepEqual(plan.template, { path: "/srv/dapr.yaml", name: "shop" });
  const [orders, shipping] = plan.apps;
  assert.ok(orders !== undefined && shipping !== undefined);
  assert.deepEqual([orders.options.appId, orders.directory, orders.place], ["orders", "/srv/orders", "dapr.yaml:11"]);
  assert.deepEqual([orders.options.app.protocol, orders.options.logLevel], ["http", "debug"]);
  assert.deepEqual([orders.options.httpPort, orders.options.app.port], [3501, 3001]);
  assert.deepEqual(orders.env, { A: "common", B: "1.10", C: "yes", D: "", E: "007" });
  assert.deepEqual(orders.command, ["node", "x y.js"]);
  assert.deepEqual(orders.options.resourcesPaths, ["/srv/shared"]);
  assert.deepEqual([orders.appLog, orders.runtimeLog], ["fileAndConsole", "file"]);
  assert.equal(orders.logFolder, "/srv/orders/.dapr/logs");
  assert.deepEqual([shipping.options.app.protocol, shipping.directory], ["grpc", "/ship"]);
  assert.deepEqual(shipping.options.resourcesPaths, ["/ship/one", "/home/me/two"]);
  assert.deepEqual(shipping.options.configPaths, ["/ship/own.yaml"]);
  assert.deepEqual([shipping.runtimeLog, shipping.command], ["console", []]);
});

test("an app's own .dapr folder comes before the common section", async () => {
  const files = {
    ...templateFiles,
    "/srv/orders/.dapr/resources/a.yaml": "",
    "/srv/orders/.dapr/config.yaml": "",
  };
  const [orders] = (await read(["-f", "/srv/dapr.yaml"], { files })).apps;
  assert.deepEqual(orders?.options.resourcesPaths, ["/srv/orders/.dapr/resources"]);
  assert.deepEqual(orders?.options.configPaths, ["/srv/orders/.dapr/config.yaml"]);
});

test("a template from stdin is in the working folder", async () => {
  const stdin = "version: 1\napps:\n  - appDirPath: orders\n";
  const plan = await read(["-f", "-"], { files: templateFiles, stdin });
  assert.deepEqual([plan.template?.path, plan.apps[0]?.directory], ["-", "/srv/orders"]);
});

test("flags beside a template are ignored with a warning, unknown fields are named", async () => {
  const files = {
    ...templateFiles,
    "/srv/dapr.yaml": template.replace("    appPort", "    appPrt: 1\n    appPort"),
  };
  const { warnings } = await read(["-f", "dapr.yaml", "--app-id", "x", "--local", "-p", "1"], { files });
  assert.match(warnings[0] ?? "", /ignored when using --run-file .*: app-id, app-port$/);
  assert.match(
    warnings[1] ?? "",
    /^dapr\.yaml:12 apps\[0\]\.appPrt: unknown field "appPrt"; did you mean "appPort"\?$/,
  );
  assert.match(await refusal(["-f", "dapr.yaml", "node"], { files }), /takes its commands from the template/);
  assert.match(await refusal(["--process-per-app"]), /goes with a template/);
});

test("templates that are not there, or no templates", async () => {
  const files = {
    "/srv/x.txt": "",
    "/srv/empty/a.txt": "",
    "/srv/blank.yaml": "",
    "/srv/bad.yaml": "a: [",
  };
  assert.match(await refusal(["-f", "no.yaml"], { files }), /there is no file or folder "no\.yaml"/);
  assert.match(await refusal(["-f", "x.txt"], { files }), /is not a YAML file/);
  assert.match(await refusal(["-f", "empty"], { files }), /there is no dapr\.yaml in folder "empty"/);
  assert.match(await refusal(["-f", "blank.yaml"], { files }), /is empty/);
  assert.match(await refusal(["-f", "bad.yaml"], { files }), /^bad\.yaml:1/);
});
