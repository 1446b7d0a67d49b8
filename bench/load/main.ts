import { parseArgs } from "node:util";
import { createInbox } from "../net/tcp.ts";
import { reserveCounters } from "../wire/http1-request.ts";
import { drive, type LoadResult } from "./drive.ts";
import { createGrpcOpener } from "./grpc-connection.ts";
import { createHttp1Opener } from "./http1-connection.ts";

const help = `Usage: bun bench/load/main.ts --url http://127.0.0.1:PORT/path [options]
  --url URL            where to send; for gRPC the path is /package.Service/Method
  --protocol NAME      http1 or grpc (unary over h2c)                        [http1]
  --rate N             requests per second; 0 sends as fast as answers come  [0]
  --connections N      keep-alive connections                                [16]
  --streams N          calls at a time per connection, gRPC only             [closed 1, open 1000]
  --duration S         counted seconds                                       [5]
  --warmup S           seconds before that                                   [1]
  --method NAME        GET or POST                                           [GET, POST with a body]
  --size N             body of N letters (gRPC: field 1 of the message)
  --body TEXT          body; {seq} in it and in the path becomes a counter of eight digits
  --body-base64 TEXT   body as bytes
  --header "N: V"      one more header, repeatable
  --keys N             where the counter wraps                               [100000]
  --first N            where the counter starts, HTTP only                       [0]
  --watch PID          also read CPU and memory of this process, repeatable
  --json               print one line of JSON`;

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    protocol: { type: "string", default: "http1" },
    rate: { type: "string", default: "0" },
    connections: { type: "string", default: "16" },
    streams: { type: "string" },
    duration: { type: "string", default: "5" },
    warmup: { type: "string", default: "1" },
    method: { type: "string" },
    size: { type: "string" },
    body: { type: "string" },
    "body-base64": { type: "string" },
    header: { type: "string", multiple: true, default: [] },
    keys: { type: "string", default: "100000" },
    first: { type: "string", default: "0" },
    watch: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const count = (name: string, text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`Reading --${name} failed: "${text}" is not a number`);
  return value;
};

const lettersField = (size: number): Uint8Array => {
  const length: number[] = [];
  let rest = size;
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
  return new Uint8Array([0x0a, ...length, rest, ...new Uint8Array(size).fill(97)]);
};

const readBody = (grpc: boolean): Uint8Array => {
  if (values.body !== undefined) return new TextEncoder().encode(reserveCounters(values.body));
  if (values["body-base64"] !== undefined) return Uint8Array.from(Buffer.from(values["body-base64"], "base64"));
  if (values.size === undefined) return new Uint8Array(0);
  const size = count("size", values.size);
  return grpc ? lettersField(size) : new Uint8Array(size).fill(97);
};

const describe = (result: LoadResult): string => {
  const { latency, generator } = result;
  const lines = [
    `${result.mode} loop: ${result.perSecond.toFixed(0)} answers/s, ${result.answers} counted, ${result.errors} failed`,
    `latency µs: p50 ${latency.p50}  p90 ${latency.p90}  p99 ${latency.p99}  p99.9 ${latency.p999}  max ${latency.max}`,
    `generator: ${(generator.cpu * 100).toFixed(0)} % of a core, lag µs p50 ${generator.lag.p50}  p99 ${generator.lag.p99}  max ${generator.lag.max}, ${generator.held} held by busy connections`,
  ];
  for (const { pid, cpu, rssMb } of result.watched) {
    lines.push(`process ${pid}: ${(cpu * 1000).toFixed(0)} ms CPU per second, ${rssMb.toFixed(1)} MB`);
  }
  if (result.errors > 0) lines.push(`outcomes of failures: ${JSON.stringify(result.outcomes)}`);
  return lines.join("\n");
};

if (values.help || values.url === undefined) {
  console.log(help);
  process.exit(values.help ? 0 : 2);
}
if (!URL.canParse(values.url)) {
  console.error(`--url "${values.url}" is no URL, write for example http://127.0.0.1:8080/path`);
  process.exit(2);
}
const url = new URL(values.url);
const grpc = values.protocol === "grpc";
if (!grpc && values.protocol !== "http1")
  throw new Error(`Reading --protocol failed: "${values.protocol}" is neither http1 nor grpc`);
const body = readBody(grpc);
const shape = {
  method: values.method ?? (body.length > 0 ? "POST" : "GET"),
  host: url.host,
  path: decodeURI(url.pathname) + url.search,
  headers: values.header.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const;
  }),
  body,
};
const port = Number(url.port === "" ? 80 : url.port);
const rate = count("rate", values.rate);
const keys = count("keys", values.keys);
const streams = values.streams === undefined ? (rate > 0 ? 1000 : 1) : count("streams", values.streams);
const inbox = createInbox();
const first = count("first", values.first);
if (grpc && first > 0) throw new Error(`Reading --first failed: "${values.first}" is for HTTP only`);
const opener = grpc
  ? createGrpcOpener(shape, port, keys, streams, inbox)
  : createHttp1Opener(shape, port, keys, inbox, first);
const result = drive(
  {
    connections: count("connections", values.connections),
    rate,
    warmup: count("warmup", values.warmup),
    duration: count("duration", values.duration),
    watch: values.watch.map((pid) => count("watch", pid)),
  },
  opener,
);
console.log(values.json ? JSON.stringify(result) : describe(result));
