import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { freePorts } from "../../scripts/free-ports.ts";
import { component } from "../harness/daprd-process.ts";
import { appScript, isAlive, node, type PillionRun, pillion, startRun, until, within } from "../harness/pillion.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

interface Metadata {
  readonly id: string;
  readonly extended: Readonly<Record<string, string>>;
  readonly components: readonly { readonly name: string; readonly type: string }[];
}

const metadataOf = async (url: string): Promise<Metadata> =>
  (await (await fetch(`${url}/v1.0/metadata`)).json()) as Metadata;

/** The processes of an app that has a child, when it has said which. */
const pidsOf = async (run: PillionRun): Promise<number[]> =>
  (await run.matched(/pids (\d+) (\d+)\n/)).slice(1).map(Number);

test("an app runs beside its sidecar, with upstream's variables, lines and metadata", async () => {
  const [port = 0] = await freePorts(1);
  using run = startRun(["--app-id", "orders", "--app-port", String(port), "--", node, appScript], {
    env: { SHOW_ENV: "1" },
  });
  const url = await run.ready("orders");
  await run.printed("You're up and running! Both Dapr and your app logs will appear here.");
  const [listed] = run.list();
  const [, env = ""] = await run.matched(/^== APP == env (.*)\n/m);
  const variables = Object.fromEntries(env.split(" ").map((pair) => pair.split("=")));
  assert.deepEqual(Object.keys(variables), [
    "APP_CHANNEL_ADDRESS",
    "APP_ID",
    "APP_PORT",
    "APP_PROTOCOL",
    "DAPR_GRPC_PORT",
    "DAPR_HTTP_PORT",
    "DAPR_METRICS_PORT",
  ]);
  assert.equal(variables["DAPR_HTTP_PORT"], url.split(":").at(-1));
  assert.equal(variables["APP_PORT"], String(port));
  assert.equal(variables["APP_PROTOCOL"], "http");
  const metadata = await metadataOf(url);
  assert.equal(metadata.extended["cliPID"], String(run.child.pid));
  assert.equal(metadata.extended["appPID"], String(listed?.appPid));
  assert.equal(metadata.extended["appCommand"], `${node} ${appScript}`);
  assert.deepEqual(metadata.components.map(({ name, type }) => `${name} ${type}`).sort(), [
    "pubsub pubsub.embedded",
    "statestore state.sqlite",
  ]);
  const answer = await fetch(`${url}/v1.0/invoke/orders/method/hello`);
  assert.equal(((await answer.json()) as { app: string }).app, "orders");
  assert.equal(await run.stop(), 0);
  assert.deepEqual(run.list(), []);
});

test("state of the default store outlives the run", async () => {
  const dataDir = join(temporaryFolder().path, "deep", "data");
  for (const turn of ["write", "read"]) {
    using run = startRun(["--app-id", "keeper"], { dataDir });
    const url = await run.ready("keeper");
    if (turn === "write") {
      const body = JSON.stringify([{ key: "a", value: "kept" }]);
      assert.equal((await fetch(`${url}/v1.0/state/statestore`, { method: "POST", body })).status, 204);
    } else assert.equal(await (await fetch(`${url}/v1.0/state/statestore/a`)).json(), "kept");
    assert.equal(await run.stop(), 0);
  }
});

test("flags count wherever they stand before --, and an app without a port starts when the runtime is ready", async () => {
  using run = startRun([node, appScript, "--app-id", "job"], { env: { EXIT_CODE: "0" } });
  assert.equal(await run.exited, 0);
  const log = run.logs();
  assert.ok(log.indexOf("dapr initialized") < log.indexOf("== APP == started job"), log);
  assert.match(log, /✅ {2}Exited App successfully\n/);
  assert.match(log, /✅ {2}Exited Dapr successfully\n/);
});

test("the app's exit code is the run's", async () => {
  using run = startRun(["--app-id", "failing", "--", node, appScript], { env: { EXIT_CODE: "3" } });
  assert.equal(await run.exited, 3);
  assert.match(run.logs(), /The App process exited with error code: exit status 3/);
});

test("a command that is not there is named", async () => {
  using run = startRun(["--app-id", "nothing", "--", "no-such-program"]);
  assert.equal(await run.exited, 1);
  assert.match(run.logs(), /starting "no-such-program" failed: command not found/);
});

test("Ctrl+C ends the app, then the runtime, which answers until then", async () => {
  using run = startRun(["--app-id", "polite", "--", node, appScript], { env: { ON_SIGNAL: "ask" } });
  await run.printed("started polite");
  await run.printed("You're up and running!");
  assert.equal(await run.stop(), 0);
  const log = run.logs();
  const steps = [
    "received SIGINT",
    "runtime still answers 204",
    "Exited App successfully",
    "Dapr is shutting down",
    "Exited Dapr successfully",
  ].map((text) => log.indexOf(text));
  assert.ok(
    steps.every((at, index) => at >= 0 && at > (steps[index - 1] ?? -1)),
    log,
  );
});

test("an app that does not listen to signals is killed after the grace period", async () => {
  const [port = 0] = await freePorts(1);
  using run = startRun(
    ["--app-id", "deaf", "-p", String(port), "--dapr-graceful-shutdown-seconds", "1", "--", node, appScript],
    { env: { ON_SIGNAL: "ignore", GRANDCHILD: "1" } },
  );
  await run.ready("deaf");
  const pids = await pidsOf(run);
  assert.equal(await run.stop(), 0);
  assert.match(run.logs(), /received SIGINT/);
  assert.match(run.logs(), /app "deaf" did not end within 1 s and was killed/);
  await until("its processes to be gone", () => !pids.some(isAlive));
});

test("a second Ctrl+C ends everything at once", async () => {
  const [port = 0] = await freePorts(1);
  using run = startRun(
    ["--app-id", "deaf", "-p", String(port), "--dapr-graceful-shutdown-seconds", "600", "--", node, appScript],
    {
      env: { ON_SIGNAL: "ignore", GRANDCHILD: "1" },
    },
  );
  await run.ready("deaf");
  const pids = await pidsOf(run);
  run.signal("SIGINT");
  run.signal("SIGINT");
  await run.printed("received SIGINT");
  assert.ok(isAlive(pids[0] ?? 0), "two signals at once are one wish");
  const repeat = setInterval(() => run.signal("SIGINT"), 100);
  assert.equal(await run.exited, 1);
  clearInterval(repeat);
  await until("its processes to be gone", () => !pids.some(isAlive));
});

test("kill -9 of the runtime ends its app and what that started within two seconds", async () => {
  const [port = 0] = await freePorts(1);
  using run = startRun(["--app-id", "orphan", "-p", String(port), "--", node, appScript], {
    env: { ON_SIGNAL: "ignore", GRANDCHILD: "1" },
  });
  await run.ready("orphan");
  const pids = await pidsOf(run);
  assert.equal(pids.filter(isAlive).length, 2);
  run.signal("SIGKILL");
  await run.exited;
  await within(2000, () => !pids.some(isAlive));
  assert.deepEqual(pids.filter(isAlive), []);
  assert.deepEqual(run.list(), []);
});

test("a runtime alone takes an app that is started later, and again after a restart", async () => {
  const [port = 0] = await freePorts(1);
  using run = startRun(["--app-id", "editor", "--app-port", String(port)]);
  const url = await run.url("editor");
  await run.printed("You're up and running! Dapr logs will appear here.");
  const pids: number[] = [];
  for (let turn = 0; turn < 2; turn += 1) {
    const app = spawn(node, [appScript], { env: { ...process.env, APP_ID: "editor", APP_PORT: String(port) } });
    const ended = new Promise((resolve) => app.on("exit", resolve));
    const answer = await until("the app to answer", async () => {
      const found = await fetch(`${url}/v1.0/invoke/editor/method/x`).catch(() => undefined);
      return found?.status === 200 ? ((await found.json()) as { pid: number }) : undefined;
    });
    assert.equal(answer.pid, app.pid);
    pids.push(answer.pid);
    app.kill("SIGKILL");
    await ended;
  }
  assert.notEqual(pids[0], pids[1]);
  assert.equal(await run.stop(), 0);
});

test("the shutdown API ends the app too", async () => {
  const [port = 0] = await freePorts(1);
  using run = startRun(["--app-id", "asked", "-p", String(port), "--", node, appScript]);
  const url = await run.ready("asked");
  assert.equal((await fetch(`${url}/v1.0/shutdown`, { method: "POST" })).status, 204);
  assert.equal(await run.exited, 0);
  assert.match(run.logs(), /== APP == received SIGTERM/);
});

test("a taken port is named with the process that holds it", { skip: process.platform !== "linux" }, async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => holder.once("listening", resolve));
  const { port } = holder.address() as { port: number };
  using run = startRun(["--app-id", "late", "--dapr-http-port", String(port), "--", node, appScript]);
  assert.equal(await run.exited, 1);
  assert.match(run.logs(), new RegExp(`127\\.0\\.0\\.1:${port}.*; process ${process.pid} \\("`));
  assert.doesNotMatch(run.logs(), /started late/);
  holder.close();
});

test("components on an absent Redis fail with one error that offers --local, which replaces them", async () => {
  const [redisPort = 0, appPort = 0] = await freePorts(2);
  const { path } = temporaryFolder();
  mkdirSync(join(path, "components"));
  const server = { redisHost: `localhost:${redisPort}`, redisPassword: "" };
  writeFileSync(
    join(path, "components", "a.yaml"),
    component("statestore", "state.redis", { ...server, actorStateStore: "true" }),
  );
  writeFileSync(join(path, "components", "b.yaml"), component("pubsub", "pubsub.redis", server));
  const args = ["--app-id", "quick", "--resources-path", "components", "-p", String(appPort)];
  using failed = startRun([...args, "--", node, appScript], { cwd: path });
  assert.equal(await failed.exited, 1);
  const errors = failed
    .logs()
    .split("\n")
    .filter((line) => /❌|level=(?:error|fatal)/.test(line));
  assert.equal(errors.length, 1, failed.logs());
  for (const part of ["components/a.yaml", "components/b.yaml", `localhost:${redisPort}`, "--local"]) {
    assert.ok((errors[0] ?? "").includes(part), errors[0] ?? "");
  }
  using run = startRun([...args, "--local", "--", node, appScript], { cwd: path, env: { TOPIC: "news" } });
  const url = await run.ready("quick");
  await run.printed("--local:");
  const metadata = await metadataOf(url);
  assert.equal(metadata.extended["localComponents"], "statestore (state.redis), pubsub (pubsub.redis)");
  const body = JSON.stringify([{ key: "a", value: 1 }]);
  assert.equal((await fetch(`${url}/v1.0/state/statestore`, { method: "POST", body })).status, 204);
  const { code, output } = pillion(["publish", "-i", "quick", "-p", "pubsub", "-t", "news", "-d", '{"n":1}'], {
    dataDir: run.dataDir,
  });
  assert.equal(code, 0, output);
  assert.match(output, /Event published successfully/);
  await run.printed('event {"n":1}');
  assert.equal(await run.stop(), 0);
});

test("relative paths of components start from the folder of the run", async () => {
  const { path } = temporaryFolder();
  mkdirSync(join(path, "components"));
  writeFileSync(join(path, "secrets.json"), '{"word":"open"}');
  writeFileSync(
    join(path, "components", "s.yaml"),
    component("secrets", "secretstores.local.file", { secretsFile: "secrets.json" }),
  );
  using run = startRun(["--app-id", "here", "--resources-path", "./components"], { cwd: path });
  const url = await run.ready("here");
  assert.deepEqual(await (await fetch(`${url}/v1.0/secrets/secrets/word`)).json(), { word: "open" });
});
