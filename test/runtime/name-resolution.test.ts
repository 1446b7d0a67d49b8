import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { catalog } from "../../components/catalog.gen.ts";
import type { Listener } from "../../src/platform/types.ts";
import { createNode, type RuntimeNode } from "../../src/runtime/node.ts";
import { type FakeConsul, startFakeConsul } from "../harness/consul-agent.ts";
import { hostPlatform } from "../harness/host-platform.ts";
import { type InlineSidecar, startInlineSidecar } from "../harness/inline-sidecar.ts";

const platform = await hostPlatform();
const nodes: RuntimeNode[] = [];
let app: Listener;
let consul: FakeConsul;

const configuration = (component: string, settings: unknown) => ({
  apiVersion: "dapr.io/v1alpha1",
  kind: "Configuration",
  metadata: { name: "c" },
  spec: { nameResolution: { component, configuration: settings } },
});
/** A sidecar in a node of its own, as in another process. */
const start = (appId: string, resolution: unknown, args: readonly string[] = []): Promise<InlineSidecar> => {
  const node = createNode({ platform, catalog, version: "0.0.0" });
  nodes.push(node);
  return startInlineSidecar({ node, appId, args, values: [resolution] });
};
const invoke = async (from: InlineSidecar, id: string) => {
  const answer = await from.call(`/v1.0/invoke/${id}/method/x`);
  return { status: answer.status, text: await answer.text() };
};
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

before(async () => {
  app = await platform.serveHttp!({ host: "127.0.0.1", port: 0 }, async () => new Response("ok"));
  consul = await startFakeConsul(platform);
});
after(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await consul.close();
  await app.close(100);
});

test("apps find each other by Consul, under its short name, until they leave", async () => {
  const client = { address: `127.0.0.1:${consul.port}` };
  const settings = configuration("Consul", { client, selfRegister: true, selfDeregister: true });
  const callee = await start("callee", settings, [`--app-port=${app.port}`]);
  const caller = await start("caller", configuration("hashicorp.consul", { client }));
  await until("the callee registers", () => consul.services.size === 1);
  assert.deepEqual(await invoke(caller, "callee"), { status: 200, text: "ok" });
  const [service] = consul.services.values();
  assert.equal(service?.Port, app.port);
  const health = String(service?.Checks?.[0]?.["HTTP"]);
  assert.equal((await fetch(health)).status, 204);
  await callee.sidecar.stop();
  assert.equal(consul.services.size, 0);
  assert.match((await invoke(caller, "callee")).text, /err: no healthy services found with AppID 'callee'"/);
});

test("static peers are called where the configuration says, one after another", async () => {
  const none = configuration("static", { peers: {} });
  const seen = new Set<string>();
  const callees = await Promise.all([1, 2].map(() => start("callee", none, [`--app-port=${app.port}`])));
  const ports = await Promise.all(callees.map(async ({ sidecar }) => (await sidecar.listening).internalPort));
  const peers = { callee: ports.map((port) => `127.0.0.1:${port}`), gone: "127.0.0.1:1" };
  const caller = await start("caller", configuration("static", { peers }));
  await until("both are called", async () => {
    assert.deepEqual(await invoke(caller, "callee"), { status: 200, text: "ok" });
    for (const [index, callee] of callees.entries()) {
      if (/req_recv_total\{[^}]*src_app_id="caller"/.test(await callee.metrics())) seen.add(String(index));
    }
    return seen.size === 2;
  });
  assert.match((await invoke(caller, "other")).text, /no address is configured for app other; peers has callee, gone/);
});

test("a resolver that cannot be opened is said in the log, and by calls", async () => {
  const unknown = await start("a", configuration("nodns", {}));
  const line =
    "[CREATE_COMPONENT_FAILURE]: initialization error occurred for nr (nodns/v1): couldn't find name resolver nodns/v1; known: hashicorp.consul, kubernetes, mdns, nameformat, sqlite, static";
  await until("the failure is in the log", () => unknown.log.some((one) => one.includes(line)));
  assert.match((await invoke(unknown, "b")).text, /couldn't find name resolver nodns\/v1/);
  assert.match(
    await unknown.metrics(),
    /^dapr_runtime_component_init_fail_total\{app_id="a",component="nameResolution",componentName="nodns",reason="creation"\} 1$/m,
  );

  const faulty = await start("a", configuration("nameformat", { format: "x", fromat: "{appid}" }));
  await until("the fault is in the log", () =>
    faulty.log.some((one) =>
      one.includes(
        "[INIT_COMPONENT_FAILURE]: initialization error occurred for nr (nameformat/v1): format must contain {appid} placeholder",
      ),
    ),
  );
  assert.ok(faulty.log.some((one) => one.includes(`nameResolution: nameformat does not know`)));
});
