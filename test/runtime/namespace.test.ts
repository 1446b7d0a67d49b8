import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, test } from "node:test";
import { catalog } from "../../components/catalog.gen.ts";
import { createNode } from "../../src/runtime/node.ts";
import { hostPlatform } from "../harness/host-platform.ts";
import { startInlineSidecar } from "../harness/inline-sidecar.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

const node = createNode({ platform: await hostPlatform(), catalog, version: "0.0.0" });
after(() => node.stop());

test("templates take the namespace `default` where none is set, keys have none then", async () => {
  for (const [namespace, file, prefix] of [
    [undefined, "default.app", "app"],
    ["", ".app", "app"],
    ["ns", "ns.app", "ns.app"],
  ] as const) {
    const { path } = temporaryFolder();
    const store = (name: string, keyPrefix: string) => ({
      apiVersion: "dapr.io/v1alpha1",
      kind: "Component",
      metadata: { name },
      spec: {
        type: "state.sqlite",
        version: "v1",
        metadata: [
          { name: "connectionString", value: `${path}/{namespace}.db` },
          { name: "keyPrefix", value: keyPrefix },
        ],
      },
    });
    const env: Record<string, string> = namespace === undefined ? {} : { NAMESPACE: namespace };
    const values = [store("named", "namespace"), store("plain", prefix)];
    const sidecar = await startInlineSidecar({ node, appId: "app", env, values });
    const saved = await sidecar.call("/v1.0/state/named", { method: "POST", body: '[{"key":"k","value":7}]' });
    assert.equal(saved.status, 204);
    assert.equal(await (await sidecar.call("/v1.0/state/plain/k")).text(), "7", prefix);
    assert.ok(existsSync(`${path}/${file}.db`), file);
    await sidecar.sidecar.stop();
  }
});
