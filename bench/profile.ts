import { mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runLoad } from "./harness/run-load.ts";
import { freePorts, startProcess } from "./harness/subject.ts";

const help = `Usage: bun bench/profile.ts [options] [-- RUNTIME FLAGS]
Runs the sources under the runtime's CPU profiler, loads them, and writes the profile on exit.
  --entry FILE       program to run                                     [src/entry/main.ts]
  --path PATH        what to load on its HTTP port                     [/v1.0/healthz]
  --body TEXT        POST this instead of GET
  --rate N           requests per second; 0 for the closed loop                       [0]
  --connections N                                                                    [16]
  --duration S                                                                       [10]
  --out FOLDER       where the profile goes                                [/tmp/profile]`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    entry: { type: "string", default: "src/entry/main.ts" },
    path: { type: "string", default: "/v1.0/healthz" },
    body: { type: "string" },
    rate: { type: "string", default: "0" },
    connections: { type: "string", default: "16" },
    duration: { type: "string", default: "10" },
    out: { type: "string", default: "/tmp/profile" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
const [http, grpc, internal, metrics] = freePorts(4).map(String) as [string, string, string, string];
const flags = ["--app-id", "profiled", "--dapr-http-port", http, "--dapr-grpc-port", grpc];
const ports = ["--dapr-internal-grpc-port", internal, "--metrics-port", metrics];
const profiler = ["--cpu-prof", "--cpu-prof-md", "--cpu-prof-dir", out];
const command = [process.execPath, ...profiler, resolve(values.entry), "daprd", ...flags, ...ports, ...positionals];
const running = startProcess(command, join(out, "home"), [Number(http)]);
const body = values.body === undefined ? {} : { body: values.body, headers: ["Content-Type: application/json"] };
const connections = Number(values.connections);
const request = { url: `http://127.0.0.1:${http}${values.path}`, rate: Number(values.rate), connections, ...body };
const result = await runLoad({ ...request, watch: [running.pid] }, 1, Number(values.duration));
await running.stop();
console.log(
  `${result.perSecond.toFixed(0)} answers/s, ${result.errors} failed, p50 ${result.latency.p50} µs, p99 ${result.latency.p99} µs`,
);
console.log(`CPU ${((result.watched[0]?.cpu ?? 0) * 1000).toFixed(0)} ms per second`);
console.log(
  readdirSync(out)
    .filter((name) => name.includes("profile") || name.endsWith(".md"))
    .map((name) => join(out, name))
    .join("\n"),
);
