import assert from "node:assert/strict";
import { after, test } from "node:test";
import { catalog } from "../../components/catalog.gen.ts";
import { createInlineSource } from "../../src/config/inline-source.ts";
import { readDaprdCommand } from "../../src/config/read-options.ts";
import { createNode } from "../../src/runtime/node.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { hostPlatform } from "../harness/host-platform.ts";

const platform = await hostPlatform();
const node = createNode({ platform, catalog, version: "0.0.0" });
after(() => node.stop());

test("a configuration that cannot be used ends the start, and the log says that it was the configuration", async () => {
  const command = readDaprdCommand(["--app-id=a", "--dapr-http-port=0", "--dapr-grpc-port=0", "--metrics-port=0"], {});
  assert.ok(command.action === "run");
  const lines: string[] = [];
  const { clock } = platform;
  const write = (line: string) => void lines.push(line);
  const log = createLog({ write, level: "info", json: false, appId: "a", instance: "i", version: "0.0.0", clock });
  const configuration = {
    apiVersion: "dapr.io/v1alpha1",
    kind: "Configuration",
    metadata: { name: "c" },
    spec: { secrets: { scopes: [{ storeName: "s" }, { storeName: "s" }] } },
  };
  const source = createInlineSource({ appId: "a", namespace: "", env: {}, values: [configuration] });
  const sidecar = node.start({ options: command.options, source, log });
  sidecar.ready.catch(() => {});
  await assert.rejects(sidecar.listening);
  const fatal = lines.filter((line) => line.includes("level=fatal"));
  assert.equal(fatal.length, 1);
  assert.match(fatal[0] ?? "", /error loading configuration: s storeName is repeated in secrets configuration/);
});
