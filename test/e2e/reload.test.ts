import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "../../scripts/free-ports.ts";
import { component, type DaprdProcess, startDaprd } from "../harness/daprd-process.ts";
import { appScript, node, startRun, until } from "../harness/pillion.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

const resiliency = (name: string) => `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: ${name}}
spec: {policies: {timeouts: {general: 5s}}, targets: {}}
`;
const subscription = (name: string, topic: string) => `apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: ${name}}
spec: {pubsubname: pubsub, topic: ${topic}, routes: {default: /events}}
`;

interface Metadata {
  readonly components: readonly { readonly name: string; readonly type: string }[];
  readonly resiliencies?: readonly { readonly name: string }[];
  readonly subscriptions?: readonly { readonly topic: string }[];
  readonly enabledFeatures?: readonly string[];
  readonly extended: Readonly<Record<string, string>>;
}

/** undefined while the sidecar restarts. */
async function metadata(url: string): Promise<Metadata | undefined> {
  const answer = await fetch(`${url}/v1.0/metadata`).catch(() => undefined);
  return answer?.status === 200 ? ((await answer.json()) as Metadata) : undefined;
}
async function componentsOf(url: string): Promise<string | undefined> {
  const found = await metadata(url);
  return found?.components
    .map(({ name, type }) => `${name}=${type}`)
    .sort()
    .join(" ");
}
const isHealthy = async (url: string): Promise<boolean> =>
  (await fetch(`${url}/v1.0/healthz`).catch(() => undefined))?.status === 204;
const save = async (url: string, key: string): Promise<void> => {
  const answer = await fetch(`${url}/v1.0/state/store`, { method: "POST", body: JSON.stringify([{ key, value: 1 }]) });
  assert.equal(answer.status, 204);
};
const has = async (url: string, key: string): Promise<boolean> =>
  (await fetch(`${url}/v1.0/state/store/${key}`)).status === 200;

test("of three apps in one process a change restarts the sidecar that it belongs to, at its ports", async () => {
  const { path } = temporaryFolder();
  const ports = await freePorts(3);
  const ids = ["a", "b", "c"] as const;
  const command = JSON.stringify([node, appScript]);
  const apps = ids.map((id, index) => {
    mkdirSync(join(path, id, "resources"), { recursive: true });
    writeFileSync(join(path, id, "resources/store.yaml"), component("store", "state.in-memory"));
    return `  - appID: ${id}\n    appDirPath: ${id}\n    resourcesPaths: [resources]\n    appPort: ${ports[index]}\n    command: ${command}\n`;
  });
  writeFileSync(join(path, "dapr.yaml"), `version: 1\napps:\n${apps.join("")}`);
  using run = startRun(["-f", "."], { cwd: path });
  const [a = "", b = "", c = ""] = await Promise.all(ids.map((id) => run.ready(id)));
  const invoke = async (from: string, to: string) => {
    const answer = await fetch(`${from}/v1.0/invoke/${to}/method/x`);
    assert.equal(answer.status, 200, `${to}: ${answer.status}`);
    return (await answer.json()) as { app: string; pid: number };
  };
  await until("the apps' processes to be listed", () => run.list().every(({ appPid }) => appPid > 0));
  const before = run.list().map(({ appId, httpPort, daprdPid, appPid }) => ({ appId, httpPort, daprdPid, appPid }));
  for (const url of [a, b, c]) await save(url, "kept");
  const { pid } = await invoke(a, "b");

  writeFileSync(join(path, "b/resources/resiliency.yaml"), resiliency("careful"));
  await until("b to have the policy", async () => (await metadata(b))?.resiliencies?.[0]?.name === "careful");
  await until("b to be healthy", () => isHealthy(b));
  assert.deepEqual([await has(a, "kept"), await has(b, "kept"), await has(c, "kept")], [true, false, true]);
  assert.equal((await invoke(a, "b")).pid, pid);
  assert.equal((await invoke(b, "c")).app, "c");
  assert.equal((await invoke(c, "a")).app, "a");
  assert.equal((await metadata(b))?.extended["appPID"], String(pid));
  assert.deepEqual(
    run.list().map(({ appId, httpPort, daprdPid, appPid }) => ({ appId, httpPort, daprdPid, appPid })),
    before,
  );

  writeFileSync(join(path, "c/resources/more.yaml"), component("more", "state.in-memory"));
  await until("c to have one more store", async () => (await metadata(c))?.components.length === 2);
  assert.deepEqual([await has(a, "kept"), await has(c, "kept")], [true, true]);
  assert.equal((await metadata(a))?.components.length, 1);
  assert.equal(run.child.exitCode, null);
  assert.equal(await run.stop(), 0);
});

test("a call between apps of one process is answered although the sidecar of its callee restarts meanwhile", async () => {
  const { path } = temporaryFolder();
  const [port = 0] = await freePorts(1);
  const script = join(path, "slow.mjs");
  writeFileSync(
    script,
    `import { createServer } from "node:http";
createServer((request, response) => {
  if (request.url !== "/slow") return response.end("{}");
  console.log("in the call");
  setTimeout(() => response.end("done"), 1000);
}).listen(${port}, "127.0.0.1");`,
  );
  mkdirSync(join(path, "b/resources"), { recursive: true });
  mkdirSync(join(path, "a"));
  const template = `version: 1
apps:
  - {appID: a, appDirPath: a}
  - {appID: b, appDirPath: b, resourcesPaths: [resources], appPort: ${port}, command: ${JSON.stringify([node, script])}}
`;
  writeFileSync(join(path, "dapr.yaml"), template);
  using run = startRun(["-f", "."], { cwd: path });
  const [a = ""] = await Promise.all([run.ready("a"), run.ready("b")]);
  const slow = fetch(`${a}/v1.0/invoke/b/method/slow`);
  await run.printed("in the call");
  writeFileSync(join(path, "b/resources/resiliency.yaml"), resiliency("careful"));
  // This one finds the sidecar closed, and is tried again until it is back.
  const [early, late] = await Promise.all([slow, slow.then(() => fetch(`${a}/v1.0/invoke/b/method/x`))]);
  assert.deepEqual([early.status, await early.text(), late.status], [200, "done", 200]);
  assert.equal(await run.stop(), 0);
});

/** A daprd process with an app that notes its events, and answers them when `held` says so. */
async function withApp(
  resources: readonly string[],
  args: readonly string[] = [],
  held: Promise<void> = Promise.resolve(),
): Promise<{ daprd: DaprdProcess; events: string[]; close(): Promise<void> }> {
  const events: string[] = [];
  const app = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (request.url === "/events")
        events.push((JSON.parse(Buffer.concat(parts).toString()) as { topic: string }).topic);
      response.setHeader("content-type", "application/json");
      if (request.url === "/events") void held.then(() => response.end("{}"));
      else response.end(request.url === "/dapr/subscribe" ? "[]" : "{}");
    });
  });
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  const { port } = app.address() as AddressInfo;
  const daprd = await startDaprd({ resources, args: [`--app-port=${port}`, ...args] });
  await daprd.ready();
  return {
    daprd,
    events,
    async close() {
      assert.equal(await daprd.stop(), 0, daprd.logs());
      app.closeAllConnections();
      app.close();
    },
  };
}

test("components and subscriptions come, change and go while the sidecar runs", async () => {
  const { daprd, events, close } = await withApp([component("store", "state.in-memory")]);
  const { url, folder } = daprd;
  const become = (want: string) => until(want, async () => (await componentsOf(url)) === want);
  await save(url, "kept");
  writeFileSync(join(folder, "pubsub.yaml"), component("pubsub", "pubsub.in-memory"));
  await become("pubsub=pubsub.in-memory store=state.in-memory");
  const publish = async (topic: string) => {
    const answer = await fetch(`${url}/v1.0/publish/pubsub/${topic}`, { method: "POST", body: "x" });
    return answer.status;
  };
  const topics = async () => (await metadata(url))?.subscriptions?.map(({ topic }) => topic).join() ?? "";
  writeFileSync(join(folder, "sub.yaml"), `${subscription("one", "first")}---\n${subscription("two", "second")}`);
  await until("two subscriptions", async () => (await topics()) === "first,second");
  assert.equal(await publish("first"), 204);
  await until("the event", () => events.splice(0).join() === "first");
  writeFileSync(join(folder, "sub.yaml"), `${subscription("one", "third")}---\n${subscription("two", "second")}`);
  await until("the changed subscription", async () => (await topics()) === "second,third");
  assert.deepEqual([await publish("first"), await publish("third")], [204, 204]);
  await until("the event of the changed subscription", () => events.length > 0);
  assert.deepEqual(events.splice(0), ["third"]);

  // A type of its own under the same name, then another file's component, then none.
  writeFileSync(join(folder, "pubsub.yaml"), component("pubsub", "state.in-memory"));
  await become("pubsub=state.in-memory store=state.in-memory");
  assert.notEqual(await publish("third"), 204);
  writeFileSync(join(folder, "pubsub.yaml"), component("pubsub", "pubsub.in-memory"));
  await become("pubsub=pubsub.in-memory store=state.in-memory");
  assert.equal(await publish("second"), 204);
  await until("the event of the broker that is back", () => events.splice(0).join() === "second");
  rmSync(join(folder, "pubsub.yaml"));
  await become("store=state.in-memory");
  assert.equal(await has(url, "kept"), true);
  const logs = daprd.logs();
  assert.match(logs, /msg="Component updated: pubsub \(pubsub\.in-memory\/v1\)"/);
  assert.match(logs, /msg="Closing existing Subscription to reload: one"/);
  assert.doesNotMatch(logs, /Dapr is restarting/);
  await close();
});

test("a broker that is replaced takes messages while its last ones are still in the app", async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { daprd, events, close } = await withApp(
    [component("pubsub", "pubsub.in-memory"), component("store", "state.in-memory"), subscription("one", "first")],
    [],
    held,
  );
  const { url, folder } = daprd;
  const publish = async () => (await fetch(`${url}/v1.0/publish/pubsub/first`, { method: "POST", body: "x" })).status;
  assert.equal(await publish(), 204);
  await until("the event to be in the app", () => events.length === 1);
  writeFileSync(join(folder, "0.yaml"), component("pubsub", "pubsub.in-memory", { changed: "1" }));
  await until("the broker to leave", async () => (await componentsOf(url)) === "store=state.in-memory");
  assert.equal(await publish(), 204);
  release();
  await until("the new broker", async () => (await componentsOf(url))?.startsWith("pubsub=") === true);
  assert.equal(await publish(), 204);
  await until("the event of the new broker", () => events.length >= 2);
  await close();
});

test("SIGHUP opens the sidecar anew in its process, with its configuration as it is now", async () => {
  const { path } = temporaryFolder();
  const config = join(path, "config.yaml");
  const write = (feature: string) =>
    writeFileSync(
      config,
      `apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec: {features: [{name: ${feature}, enabled: true}]}\n`,
    );
  write("Before");
  const { daprd, close } = await withApp([component("store", "state.in-memory")], [`--config=${config}`]);
  const { url } = daprd;
  const feature = async () =>
    (await metadata(url))?.enabledFeatures?.find((name) => name === "Before" || name === "After");
  assert.equal(await feature(), "Before");
  await save(url, "kept");
  writeFileSync(config, "kind: [");
  daprd.kill("SIGHUP");
  await until("the refusal", () => daprd.logs().includes("the configuration in use stays"));
  assert.equal(await has(url, "kept"), true);
  for (const next of ["After", "Before", "After"]) {
    write(next);
    daprd.kill("SIGHUP");
    await until(`feature ${next}`, async () => (await feature()) === next);
    await until("health", () => isHealthy(url));
  }
  assert.equal(await has(url, "kept"), false);
  await close();
});

test("a folder that is replaced as a whole is still watched", async () => {
  const { daprd, close } = await withApp([component("store", "state.in-memory")]);
  const { url, folder } = daprd;
  const replace = async (name: string) => {
    const next = `${folder}-next`;
    mkdirSync(next);
    writeFileSync(join(next, "1.yaml"), component(name, "state.in-memory"));
    renameSync(folder, `${folder}-old`);
    renameSync(next, folder);
    rmSync(`${folder}-old`, { recursive: true });
    await until(name, async () => (await componentsOf(url)) === `${name}=state.in-memory`);
  };
  await replace("one");
  await replace("two");
  writeFileSync(join(folder, "2.yaml"), component("three", "state.in-memory"));
  await until("three", async () => (await metadata(url))?.components.length === 2);
  await close();
});

for (const [what, text, line] of [
  ["fails", component("broken", "state.sqlite"), "process component broken error: "],
  [
    "is there twice",
    component("store", "pubsub.in-memory"),
    "failed to load resources from disk: duplicate definition of Component name store (pubsub.in-memory/v1) with existing store (state.in-memory/v1)",
  ],
] as const) {
  test(`a component that ${what} ends the process with 1`, async () => {
    const daprd = await startDaprd({ resources: [component("store", "state.in-memory")] });
    await daprd.ready();
    writeFileSync(join(daprd.folder, "other.yaml"), text);
    assert.equal(await daprd.exited, 1);
    assert.ok(daprd.logs().includes(`Fatal error from runtime: ${line}`), daprd.logs());
  });
}
