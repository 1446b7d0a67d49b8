import assert from "node:assert/strict";
import { after, test } from "node:test";
import { catalog } from "../../components/catalog.gen.ts";
import { createNode } from "../../src/runtime/node.ts";
import { hostPlatform } from "../harness/host-platform.ts";
import { startInlineSidecar } from "../harness/inline-sidecar.ts";

const platform = await hostPlatform();
const node = createNode({ platform, catalog, version: "0.0.0" });
after(() => node.stop());

// portable: Deno's server has a limit of its own and takes no other.
test("header blocks are read up to the read buffer and 4 KiB more", { skip: platform.name === "deno" }, async () => {
  const configuration = {
    apiVersion: "dapr.io/v1alpha1",
    kind: "Configuration",
    metadata: { name: "c" },
    spec: { nameResolution: { component: "static", configuration: { peers: {} } } },
  };
  const status = async (args: readonly string[], bytes: number) => {
    const one = await startInlineSidecar({ node, appId: `a${bytes}`, args, values: [configuration] });
    const answer = await one.call("/v1.0/metadata", { headers: { "x-big": "x".repeat(bytes) } });
    await answer.text();
    return answer.status;
  };
  assert.equal(await status([], 7800), 200);
  assert.equal(await status([], 8300), 431);
  assert.equal(await status(["--read-buffer-size=32Ki"], 36_000), 200);
  assert.equal(await status(["--dapr-http-read-buffer-size=1"], 5200), 431);
});
