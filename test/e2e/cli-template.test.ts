import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "../../scripts/free-ports.ts";
import { component } from "../harness/daprd-process.ts";
import { appScript, isAlive, node, pillion, startRun, until, within } from "../harness/pillion.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

const command = JSON.stringify([node, appScript]);

/** Folders `a`, `b` and `c` with a template that runs an app in each. */
async function threeApps(extra: Readonly<Record<string, string>> = {}) {
  const { path } = temporaryFolder();
  const ports = await freePorts(3);
  const apps = ["a", "b", "c"].map((id, index) => {
    mkdirSync(join(path, id));
    return `  - appID: ${id}\n    appDirPath: ${id}\n    appPort: ${ports[index]}\n    command: ${command}\n${extra[id] ?? ""}`;
  });
  const common = extra["common"] ?? "";
  writeFileSync(join(path, "dapr.yaml"), `version: 1\nname: three\n${common}apps:\n${apps.join("")}`);
  return { path, ports };
}

for (const mode of ["one process", "--process-per-app"]) {
  test(`a template's apps run in ${mode}, each by itself`, async () => {
    const common = "common:\n  env:\n    WORD: shared\n    TOPIC: news\n";
    const { path } = await threeApps({ common, b: "    env: {GRANDCHILD: 1}\n" });
    using run = startRun(["-f", ".", ...(mode.startsWith("--") ? [mode] : [])], { cwd: path });
    const urls = await Promise.all(["a", "b", "c"].map((id) => run.ready(id)));
    await run.matched(/^APP ID +HTTP +GRPC +METRICS +APP\n/m);
    for (const [index, id] of ["a", "b", "c"].entries()) {
      await run.matched(new RegExp(`^${id} +${urls[index]} `, "m"));
      await run.matched(new RegExp(`Validating config and starting app "${id}"\n`));
      await run.matched(new RegExp(`Started Dapr with app id "${id}"\\. HTTP Port: \\d+\\. gRPC Port: \\d+\n`));
      await run.printed(`== APP - ${id} == started ${id}`);
    }
    assert.doesNotMatch(run.logs(), /level=info/);
    const listed = run.list();
    assert.equal(new Set(listed.map((app) => app.daprdPid)).size, mode === "one process" ? 1 : 3);
    assert.ok(listed.every((app) => app.runTemplatePath === join(path, "dapr.yaml")));
    const [appLog = "", runtimeLog = ""] = readdirSync(join(path, "a/.dapr/logs")).sort();
    assert.match(appLog, /^a_app_\d{14}\.log$/);
    assert.match(runtimeLog, /^a_daprd_\d{14}\.log$/);
    const logged = (name: string): string => readFileSync(join(path, "a/.dapr/logs", name), "utf8");
    await until("the app's lines in its file", () => /^started a\n/.test(logged(appLog)));
    await until("the runtime's lines in its file", () => /msg="app id: a"/.test(logged(runtimeLog)));
    for (const [from, to] of [
      [0, "b"],
      [1, "c"],
      [2, "a"],
    ] as const) {
      const answer = (await (await fetch(`${urls[from]}/v1.0/invoke/${to}/method/x`)).json()) as { app: string };
      assert.equal(answer.app, to);
    }

    assert.equal((await fetch(`${urls[1]}/v1.0/shutdown`, { method: "POST" })).status, 204);
    await until("b to be gone", () => run.list().length === 2);
    const pids = (await run.matched(/== APP - b == pids (\d+) (\d+)\n/)).slice(1).map(Number);
    await until("b's processes to be gone", () => !pids.some(isAlive));
    const answer = await fetch(`${urls[0]}/v1.0/invoke/c/method/x`);
    assert.equal(answer.status, 200);

    const stopped = pillion(["stop", "c"], { dataDir: run.dataDir });
    assert.match(stopped.output, /app stopped successfully: c/);
    assert.deepEqual(
      run.list().map((app) => app.appId),
      ["a"],
    );
    assert.equal(run.child.exitCode, null);
    const rest = pillion(["stop", "-f", "."], { dataDir: run.dataDir, cwd: path });
    assert.equal(rest.code, 0, rest.output);
    assert.equal(await run.exited, 0);
  });
}

test("an app with a broken component, one that fails and one with a taken port leave the others alone", async () => {
  const { path, ports } = await threeApps({ b: "    env: {EXIT_CODE: 4}\n" });
  mkdirSync(join(path, "c/.dapr/resources"), { recursive: true });
  writeFileSync(join(path, "c/.dapr/resources/broken.yaml"), component("broken", "state.sqlite"));
  const template = readFileSync(join(path, "dapr.yaml"), "utf8");
  writeFileSync(
    join(path, "dapr.yaml"),
    `${template}  - appID: d\n    appDirPath: a\n    appPort: ${ports[0]}\n    command: ${command}\n`,
  );
  using run = startRun(["-f", join(path, "dapr.yaml")]);
  const url = await run.ready("a");
  await run.printed("The App process exited with error code: exit status 4");
  await run.printed('Error starting Dapr with app id "c"');
  await until("b to be gone", () => run.list().length === 1);
  assert.match(
    run.logs(),
    new RegExp(`app "d" of ${path}/dapr\\.yaml:\\d+: app port ${ports[0]} is already the one of app "a" of`),
  );
  assert.match(run.logs(), /^c +failed/m);
  assert.doesNotMatch(run.logs(), /started [cd]/);
  assert.equal((await fetch(`${url}/v1.0/invoke/a/method/x`)).status, 200);
  assert.equal(await run.stop(), 4);
});

test("paths in an app's components and settings start from the app's folder", async () => {
  const { path } = await threeApps({ a: "    resourcesPaths: [./parts]\n" });
  for (const [id, folder] of [
    ["a", "parts"],
    ["b", ".dapr/resources"],
  ] as const) {
    mkdirSync(join(path, id, folder), { recursive: true });
    writeFileSync(join(path, id, "secrets.json"), JSON.stringify({ word: id }));
    writeFileSync(
      join(path, id, folder, "all.yaml"),
      [
        component("secrets", "secretstores.local.file", { secretsFile: "secrets.json" }),
        component("store", "state.sqlite", { connectionString: "own.db" }),
      ].join("---\n"),
    );
  }
  using run = startRun(["-f", path]);
  for (const id of ["a", "b"]) {
    const url = await run.ready(id);
    assert.deepEqual(await (await fetch(`${url}/v1.0/secrets/secrets/word`)).json(), { word: id });
    const body = JSON.stringify([{ key: "k", value: id }]);
    assert.equal((await fetch(`${url}/v1.0/state/store`, { method: "POST", body })).status, 204);
    assert.ok(existsSync(join(path, id, "own.db")));
  }
  assert.equal(await run.stop(), 0);
});

test("log destinations of a template", async () => {
  const { path } = await threeApps({
    a: "    appLogDestination: file\n    daprdLogDestination: console\n",
    b: "    appLogDestination: console\n",
  });
  using run = startRun(["-f", path]);
  for (const id of ["a", "b", "c"]) await run.ready(id);
  await run.printed("== APP - b == started b");
  await run.printed("== APP - c == started c");
  assert.equal(await run.stop(), 0);
  assert.doesNotMatch(run.logs(), /== APP - a == /);
  assert.match(run.logs(), /msg="app id: a"/);
  assert.doesNotMatch(run.logs(), /msg="app id: b"/);
  const kinds = (id: string): string[] =>
    readdirSync(join(path, id, ".dapr/logs"))
      .map((name) => name.replace(/_\d+\.log$/, ""))
      .sort();
  assert.deepEqual([kinds("a"), kinds("b"), kinds("c")], [["a_app"], ["b_daprd"], ["c_app", "c_daprd"]]);
});

test("kill -9 of a run of several apps ends all of them", async () => {
  const { path } = await threeApps({ common: "common:\n  env: {GRANDCHILD: 1, ON_SIGNAL: ignore}\n" });
  using run = startRun(["-f", path]);
  for (const id of ["a", "b", "c"]) await run.ready(id);
  await until("the whole lines", () => run.logs().match(/ == pids \d+ \d+\n/g)?.length === 3);
  const pids = [...run.logs().matchAll(/pids (\d+) (\d+)/g)].flatMap((match) => [Number(match[1]), Number(match[2])]);
  assert.equal(pids.filter(isAlive).length, 6);
  run.signal("SIGKILL");
  await run.exited;
  await within(2000, () => !pids.some(isAlive));
  assert.deepEqual(pids.filter(isAlive), []);
});

test("a faulty template is refused with file, line and fix, all faults at once", () => {
  const { path } = temporaryFolder();
  mkdirSync(join(path, "a"));
  writeFileSync(
    join(path, "dapr.yaml"),
    `version: 1
apps:
  - appID: one
    appDirPath: a
    appPrt: 3000
  - appID: one
    appDirPath: a
    resourcesPaths: [nowhere]
  - appID: two
  - appID: with.dots
    appDirPath: a
`,
  );
  const { code, output } = pillion(["run", "-f", "."], { cwd: path });
  assert.equal(code, 1);
  assert.match(output, /dapr\.yaml:6 apps\[1\]\.appID: app id "one" is already taken by the app at dapr\.yaml:3/);
  assert.match(output, /dapr\.yaml:8 apps\[1\]\.resourcesPaths\[0\]: there is no file or folder ".*\/a\/nowhere"/);
  assert.match(output, /dapr\.yaml:9 apps\[2\]: required field 'appDirPath' not found/);
  assert.match(output, /dapr\.yaml:10 apps\[3\]: parameter app-id cannot contain dots/);
  writeFileSync(join(path, "dapr.yaml"), "version: 1\napps:\n  - appDirPath: a\n    appPort: many\n");
  const wrong = pillion(["run", "-f", "dapr.yaml"], { cwd: path });
  assert.match(wrong.output, /dapr\.yaml:4 apps\[0\]\.appPort: must be a whole number, not the text "many"/);
  writeFileSync(join(path, "dapr.yaml"), "apps:\n  - appDirPath: a\n");
  assert.match(pillion(["run", "-f", "."], { cwd: path }).output, /required field 'version' not found/);
  assert.match(pillion(["run", "-f", "other.yaml"], { cwd: path }).output, /there is no file or folder "other\.yaml"/);
});
