import assert from "node:assert/strict";
import { createInlineSource } from "../../src/config/inline-source.ts";
import { readDaprdCommand } from "../../src/config/read-options.ts";
import type { RuntimeNode } from "../../src/runtime/node.ts";
import type { Sidecar } from "../../src/runtime/sidecar.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { hostPlatform } from "./host-platform.ts";

/** A sidecar whose resources are given as values. */
export interface InlineSidecar {
  readonly sidecar: Sidecar;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
  readonly log: readonly string[];
  /** Calls its HTTP API. */
  call(path: string, init?: RequestInit): Promise<Response>;
  metrics(): Promise<string>;
}

export interface InlineSidecarOptions {
  readonly node: RuntimeNode;
  readonly appId: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly values?: readonly unknown[];
}

/** Starts one in a node, on free ports of the loopback, and waits until it is ready. */
export async function startInlineSidecar(options: InlineSidecarOptions): Promise<InlineSidecar> {
  const { node, appId, args = [], env = {}, values = [] } = options;
  const command = readDaprdCommand(
    [
      `--app-id=${appId}`,
      "--dapr-http-port=0",
      "--dapr-grpc-port=0",
      "--dapr-internal-grpc-port=0",
      "--metrics-port=0",
      "--dapr-listen-addresses=127.0.0.1",
      "--dapr-internal-grpc-listen-address=127.0.0.1",
      ...args,
    ],
    env,
  );
  assert.ok(command.action === "run");
  const { clock } = await hostPlatform();
  const lines: string[] = [];
  const log = createLog({
    write: (line) => void lines.push(line),
    level: "debug",
    json: false,
    appId,
    instance: "test",
    version: "0.0.0",
    clock,
  });
  const source = createInlineSource({ appId, namespace: env["NAMESPACE"] ?? "", env, values });
  const sidecar = node.start({ options: command.options, source, log });
  const { httpPort, grpcPort, metricsPort } = await sidecar.listening;
  await sidecar.ready;
  return {
    sidecar,
    httpPort,
    grpcPort,
    metricsPort,
    log: lines,
    call: (path, init) => fetch(`http://127.0.0.1:${httpPort}${path}`, init),
    metrics: async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
  };
}
