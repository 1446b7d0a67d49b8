import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { pairWays, startPair } from "../harness/app-pair.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

const script = join(dirname(fileURLToPath(import.meta.url)), "../harness/grpcio/probe.py");
const packages = temporaryFolder().path;

/** Why there is no grpcio here; undefined when it is installed. It is fetched for this run only. */
function missing(): string | undefined {
  if (spawnSync("python3", ["--version"]).status !== 0) return "there is no python3";
  const args = ["-m", "pip", "install", "--quiet", "--target", packages, "--only-binary", ":all:", "grpcio"];
  const { status, stderr } = spawnSync("python3", args, { encoding: "utf8", timeout: 60_000 });
  return status === 0 ? undefined : `grpcio cannot be installed: ${stderr.trim().split("\n").at(-1) ?? ""}`;
}

const why = missing();
if (why !== undefined) console.log(`SKIPPED: gRPC of Python through two sidecars, 2 tests: ${why}`);

function python(...args: string[]): {
  readonly child: ChildProcess;
  output(): string;
  line(start: string): Promise<string>;
} {
  const child = spawn("python3", [script, ...args], {
    env: { ...process.env, PYTHONPATH: packages, PYTHONIOENCODING: "utf-8" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let look = (): void => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      output += String(chunk);
      look();
    });
  }
  return {
    child,
    output: () => output,
    line: (start) =>
      new Promise((resolve, reject) => {
        child.on("exit", (code) => reject(new Error(`it ended with ${code}:\n${output}`)));
        look = () => {
          // A line may come in pieces: the last one is not complete yet.
          const lines = output.split("\n").slice(0, -1);
          const found = lines.find((line) => line.startsWith(start));
          if (found !== undefined) resolve(found);
        };
        look();
      }),
  };
}

for (const way of pairWays) {
  test(`client and app on Python's gRPC: ${way}`, { skip: why ?? false, timeout: 120_000 }, async () => {
    const app = python("serve");
    try {
      const appPort = Number((await app.line("port ")).slice(5));
      const pair = await startPair(way, { appPort, appProtocol: "grpc", flags: { "max-body-size": "64Mi" } });
      try {
        const client = python("call", String(pair.grpcPort));
        await client.line("done");
        const lines = client.output().split("\n");
        assert.deepEqual(
          lines.filter((line) => line.startsWith("FAILED")),
          [],
        );
        assert.equal(lines.filter((line) => line.startsWith("ok ")).length, 12);
      } finally {
        await pair.stop();
      }
    } finally {
      app.child.kill("SIGKILL");
    }
  });
}
