import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { component, startDaprd } from "../harness/daprd-process.ts";
import { executable, pillion, until } from "../harness/pillion.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

/** A `pillion component` that goes on. */
function serve(args: readonly string[]) {
  const child = spawn(executable, ["component", ...args], { stdio: ["ignore", "pipe", "pipe"], env: {} });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const exited = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  return { child, exited, output: () => output };
}

test("pillion component serves state and events to a sidecar, and is found again after it was killed", async () => {
  const { path } = temporaryFolder();
  const sockets = `${path}/sockets`;
  mkdirSync(sockets);
  const state = ["--type", "state.sqlite", "--socket", `${sockets}/lite.sock`, "-m", `connectionString=${path}/s.db`];
  writeFileSync(`${path}/events.yaml`, component("ignored", "pubsub.embedded", { path: `${path}/events.db` }));
  const events = ["--component", `${path}/events.yaml`, "--socket", `${sockets}/events.sock`];
  let lite = serve(state);
  const broker = serve(events);
  await until("both sockets", () => existsSync(`${sockets}/lite.sock`) && existsSync(`${sockets}/events.sock`));
  const sidecar = await startDaprd({
    resources: [component("store", "state.lite", {}), component("bus", "pubsub.events", {})],
    env: { DAPR_COMPONENTS_SOCKETS_FOLDER: sockets },
  });
  await sidecar.ready();
  const headers = { "content-type": "application/json" };
  const post = async (route: string, body: unknown) =>
    (await fetch(`${sidecar.url}/v1.0/${route}`, { method: "POST", headers, body: JSON.stringify(body) })).status;
  assert.equal(await post("state/store", [{ key: "k", value: { a: 1 } }]), 204);
  assert.equal(await post("publish/bus/t", { n: 1 }), 204);

  lite.child.kill("SIGKILL");
  await lite.exited;
  assert.equal(await post("state/store", [{ key: "k", value: 2 }]), 500);
  lite = serve(state);
  await until("the store to be back", async () => {
    const answer = await fetch(`${sidecar.url}/v1.0/state/store/k`);
    return answer.status === 200 && (await answer.text()) === '{"a":1}';
  });
  assert.equal(await sidecar.stop(), 0);
  for (const { child, exited, output } of [lite, broker]) {
    child.kill("SIGTERM");
    assert.equal(await exited, 0, output());
  }
  assert.equal(existsSync(`${sockets}/lite.sock`), false);
});

test("pillion component tells what is missing or wrong", () => {
  const { path } = temporaryFolder();
  const socket = `${path}/x.sock`;
  writeFileSync(`${path}/none.yaml`, "apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata:\n  name: a\n");
  const secret = `apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: a
spec:
  type: state.redis
  version: v1
  metadata:
  - name: redisPassword
    secretKeyRef: { name: redis, key: password }
`;
  writeFileSync(`${path}/secret.yaml`, secret);
  for (const [args, code, text] of [
    [[], 2, "name the socket: --socket /tmp/dapr-components-sockets/NAME.sock"],
    [["--socket", socket], 2, "name the type, as in --type state.redis"],
    [["--socket", socket, "--type", "state.sqlite", "-m", "oops"], 2, '--metadata "oops" is no NAME=VALUE'],
    [["--socket", socket, "--type", "state.sqlite", "--log-level", "loud"], 2, "--log-level"],
    [["--socket", socket, "--type", "state.nosuch"], 1, "couldn't find state store state.nosuch/v1"],
    [["--socket", socket, "--type", "middleware.http.uppercase"], 1, "cannot be served"],
    [["--socket", socket, "--component", `${path}/gone.yaml`], 1, "there is no such file"],
    [["--socket", socket, "--component", `${path}/none.yaml`], 1, "has 0 components"],
    [
      ["--socket", socket, "--component", `${path}/secret.yaml`],
      1,
      'takes metadata "redisPassword" from a secret store',
    ],
  ] as const) {
    const result = pillion(["component", ...args]);
    assert.equal(result.code, code, result.output);
    assert.ok(result.stderr.includes(text), result.output);
  }
});
