import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { catalog } from "../../components/catalog.gen.ts";
import type { Listener } from "../../src/platform/types.ts";
import { createNode, type RuntimeNode } from "../../src/runtime/node.ts";
import { hostPlatform } from "../harness/host-platform.ts";
import { startInlineSidecar } from "../harness/inline-sidecar.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

const platform = await hostPlatform();
const folder = temporaryFolder();
const nodes: RuntimeNode[] = [];
let app: Listener;

const configuration = (accessControl: unknown) => ({
  apiVersion: "dapr.io/v1alpha1",
  kind: "Configuration",
  metadata: { name: "c" },
  spec: {
    nameResolution: { component: "sqlite", configuration: { connectionString: `${folder.path}/names.db` } },
    ...(accessControl === undefined ? {} : { accessControl }),
  },
});
const policy = (appId: string, action: string, operations: readonly object[] = []) => ({
  appId,
  namespace: "default",
  trustDomain: "shop",
  defaultAction: action,
  operations,
});
const newNode = (): RuntimeNode => {
  const node = createNode({ platform, catalog, version: "0.0.0" });
  nodes.push(node);
  return node;
};
const status = async (
  from: { call(path: string, init?: RequestInit): Promise<Response> },
  path: string,
  method = "GET",
) => {
  const answer = await from.call(`/v1.0/invoke/callee/method/${path}`, { method });
  await answer.text();
  return answer.status;
};

before(async () => {
  app = await platform.serveHttp!({ host: "127.0.0.1", port: 0 }, async () => new Response("ok"));
});
after(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await app.close(100);
});

test("rules of the Configuration hold for callers of the process by their name, for others by default", async () => {
  const node = newNode();
  const callee = await startInlineSidecar({
    node,
    appId: "callee",
    args: [`--app-port=${app.port}`],
    values: [
      configuration({
        defaultAction: "deny",
        trustDomain: "shop",
        policies: [
          policy("friend", "allow", [{ name: "/secret/**", httpVerb: ["*"], action: "deny" }]),
          policy("reader", "deny", [{ name: "/books/*", httpVerb: ["GET"], action: "allow" }]),
        ],
      }),
    ],
  });
  assert.ok(callee.log.some((line) => line.includes("nothing proves who calls from another process")));
  const near = (appId: string, accessControl?: unknown) =>
    startInlineSidecar({ node, appId, values: [configuration(accessControl)] });
  const friend = await near("friend", { trustDomain: "shop" });
  const reader = await near("reader", { trustDomain: "shop" });
  const stranger = await near("stranger", { trustDomain: "shop" });
  const far = await startInlineSidecar({ node: newNode(), appId: "friend", values: [configuration(undefined)] });

  assert.equal(await status(friend, "x"), 200);
  assert.equal(await status(friend, "secret/x"), 403);
  assert.equal(await status(friend, "x/..%2Fsecret/x"), 403);
  assert.equal(await status(reader, "books/1"), 200);
  assert.equal(await status(reader, "books/1", "DELETE"), 403);
  assert.equal(await status(stranger, "x"), 403);
  for (let tries = 0; (await status(far, "x")) === 500; tries++) {
    assert.ok(tries < 500, "the callee was not found");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(await status(far, "x"), 403);
  assert.equal(await status(callee, "x"), 200, "an app may always call itself");

  const metrics = await callee.metrics();
  const counted = (name: string, labels: string) =>
    Number(new RegExp(`^dapr_runtime_acl_${name}_total\\{${labels}\\} (\\d+)$`, "m").exec(metrics)?.[1] ?? 0);
  const of = (appId: string) => `app_id="${appId}",namespace="default",trustDomain="shop"`;
  assert.equal(counted("app_policy_action_allowed", of("friend")), 1);
  assert.equal(counted("app_policy_action_blocked", of("friend")), 2);
  assert.equal(counted("app_policy_action_allowed", of("reader")), 1);
  assert.equal(counted("app_policy_action_blocked", of("reader")), 1);
  assert.equal(counted("global_policy_action_blocked", of("stranger")), 1);
  assert.ok(counted("global_policy_action_blocked", 'app_id="",namespace="",trustDomain=""') >= 2);
});
