import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "../../scripts/free-ports.ts";
import { component } from "../harness/daprd-process.ts";
import { appScript, node, pillion, startRun, until } from "../harness/pillion.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

test("the overview names every command, and each explains itself with examples", () => {
  const { code, stdout } = pillion(["--help"]);
  assert.equal(code, 0);
  const commands = [...(stdout.split("Commands:\n")[1] ?? "").matchAll(/^ {2}(\w+)/gm)].map((match) => match[1] ?? "");
  assert.ok(commands.length >= 8);
  assert.equal(pillion([]).stdout, stdout);
  for (const name of commands) {
    const help = pillion([name, "--help"]);
    assert.equal(help.code, 0, name);
    assert.match(help.stdout, new RegExp(`^Usage:\n {2}pillion ${name}`, "m"));
    assert.match(help.stdout, /^Examples:\n {2}# \w/m);
    assert.equal(pillion(["help", name]).stdout, help.stdout);
  }
});

test("unknown commands and flags are refused with what was probably meant, code 2", () => {
  const command = pillion(["rum"]);
  assert.equal(command.code, 2);
  assert.match(command.stderr, /unknown command "rum", did you mean "run"\?/);
  const flag = pillion(["run", "--app-prot", "3000"]);
  assert.equal(flag.code, 2);
  assert.match(flag.stderr, /unknown flag: --app-prot, did you mean --app-port\?/);
  assert.equal(pillion(["stop"]).code, 2);
  assert.equal(pillion(["invoke", "-a", "x"]).code, 2);
  assert.equal(pillion(["list", "-o", "xml"]).code, 2);
  assert.equal(pillion(["run", "--app-port", "many"]).code, 2);
});

test("versions as text and JSON", () => {
  assert.match(pillion(["version"]).stdout, /^CLI version: \d+\.\d+\.\d+\nRuntime version: \d+\.\d+\.\d+\n$/);
  assert.equal(pillion(["--version"]).stdout, pillion(["version"]).stdout);
  const keys = Object.keys(JSON.parse(pillion(["version", "-o", "json"]).stdout) as object);
  assert.deepEqual(keys, ["Cli version", "Runtime version"]);
});

test("completions name commands and flags, and bash takes its script", () => {
  for (const shell of ["bash", "zsh", "fish", "powershell"]) {
    const { code, stdout } = pillion(["completion", shell]);
    assert.equal(code, 0);
    for (const word of ["invoke", "app-port", "process-per-app"]) assert.ok(stdout.includes(word), `${shell} ${word}`);
    assert.doesNotMatch(stdout, /only-app/);
  }
  const script = pillion(["completion", "bash"]).stdout;
  const ask = (...words: string[]): string => {
    const line = `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _pillion; echo "\${COMPREPLY[*]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", line.replace(/^complete .*$/m, "")], { encoding: "utf8" });
    return `${stdout}${stderr}`.trim();
  };
  assert.equal(ask("pillion", "inv"), "invoke");
  assert.equal(ask("pillion", "run", "--app-po"), "--app-port");
  assert.equal(ask("pillion", "run", "--app-protocol", "h"), "http https h2c");
  assert.equal(pillion(["completion", "tcsh"]).code, 2);
});

test("check finds faults with file and line, and fails for errors only", () => {
  const { path } = temporaryFolder();
  mkdirSync(join(path, "good"));
  mkdirSync(join(path, "bad"));
  writeFileSync(join(path, "good", "s.yaml"), component("store", "state.in-memory"));
  writeFileSync(join(path, "bad", "s.yaml"), component("store", "state.in-memry"));
  const good = pillion(["check", "good"], { cwd: path });
  assert.equal(good.code, 0, good.output);
  assert.match(good.stdout, /^1 resources, 0 errors, 0 warnings$/m);
  const bad = pillion(["check", "good", "bad"], { cwd: path });
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /^error: bad\/s\.yaml:6 spec\.type: .*state\.in-memory/m);
  assert.equal(pillion(["check", "nowhere"], { cwd: path }).code, 1);
  assert.equal(pillion(["check"], { cwd: path }).code, 2);
});

test("list, stop, invoke and logs of what is running, and of what is not", async () => {
  const dataDir = join(temporaryFolder().path, "data");
  assert.equal(pillion(["list"], { dataDir }).stdout, "No Dapr instances found.\n");
  assert.equal(pillion(["list", "-o", "json"], { dataDir }).stdout, "[]\n");
  const gone = pillion(["stop", "orders"], { dataDir });
  assert.equal(gone.code, 0);
  assert.match(gone.stdout, /app is not running: orders/);
  assert.match(
    pillion(["invoke", "-a", "orders", "-m", "x"], { dataDir }).stderr,
    /app ID orders not found; no app is running/,
  );
  assert.equal(pillion(["logs", "orders"], { dataDir }).code, 1);

  using run = startRun(["--app-id", "orders", "--app-port", "0", "--", node, appScript], { dataDir });
  await run.ready("orders");
  await run.printed("== APP == started orders");
  const table = pillion(["list"], { dataDir }).stdout.split("\n");
  assert.match(
    table[0] ?? "",
    /^APP ID +HTTP PORT +GRPC PORT +APP PORT +COMMAND +AGE +CREATED +DAPRD PID +CLI PID +APP PID +RUN_TEMPLATE_PATH +APP_LOG_PATH +DAPRD_LOG_PATH$/,
  );
  assert.match(table[1] ?? "", /^orders +\d+ +\d+ +0 /);
  const [row = {}] = JSON.parse(pillion(["list", "-o", "json"], { dataDir }).stdout) as object[];
  assert.deepEqual(Object.keys(row), [
    "appId",
    "httpPort",
    "grpcPort",
    "appPort",
    "metricsEnabled",
    "command",
    "age",
    "created",
    "daprdPid",
    "cliPid",
    "appPid",
    "maxRequestBodySize",
    "httpReadBufferSize",
    "runTemplatePath",
    "appLogPath",
    "daprdLogPath",
    "runTemplateName",
  ]);
  assert.match(pillion(["list", "-o", "yaml"], { dataDir }).stdout, /^- appId: orders\n {2}httpPort: \d+\n/);
  assert.match(pillion(["logs", "order"], { dataDir }).stderr, /there are no logs of app "order"/);
  // Lines are in the file a moment after they are on the screen.
  await until("the app's log", () => pillion(["logs", "orders", "--app"], { dataDir }).stdout !== "");
  assert.equal(pillion(["logs", "orders", "--app"], { dataDir }).stdout, "started orders\n");
  await until("the runtime's log", () =>
    /msg="app id: orders"/.test(pillion(["logs", "orders", "--runtime"], { dataDir }).stdout),
  );
  assert.match(pillion(["stop", "-a", "orders"], { dataDir }).stdout, /app stopped successfully: orders/);
  assert.equal(await run.exited, 0);
  assert.match(pillion(["logs", "orders"], { dataDir }).stdout, /received SIGTERM\n/);
});

test("invoke prints the answer, and fails with the status that the app gave", async () => {
  const [port = 0] = await freePorts(1);
  using run = startRun(["--app-id", "echo", "-p", String(port), "--", node, appScript]);
  await run.ready("echo");
  const { dataDir } = run;
  const posted = pillion(["invoke", "--app-id", "echo", "--method", "a/b?c=d", "--data", '{"n":1}'], { dataDir });
  assert.equal(posted.code, 0, posted.output);
  const [answer = "", line = ""] = posted.stdout.split("\n");
  assert.deepEqual(
    { ...(JSON.parse(answer) as object), pid: 0 },
    { app: "echo", url: "/a/b?c=d", body: '{"n":1}', pid: 0 },
  );
  assert.equal(line, "✅  App invoked successfully");
  const file = join(temporaryFolder().path, "body.json");
  writeFileSync(file, "[1]");
  assert.match(
    pillion(["invoke", "-a", "echo", "-m", "x", "-f", file, "-v", "PUT"], { dataDir }).stdout,
    /"body":"\[1\]"/,
  );
  assert.equal(pillion(["invoke", "-a", "echo", "-m", "x", "-f", file, "-d", "1"], { dataDir }).code, 2);
  assert.match(
    pillion(["invoke", "-a", "echa", "-m", "x"], { dataDir }).stderr,
    /app ID echa not found; did you mean "echo"\?/,
  );
});
