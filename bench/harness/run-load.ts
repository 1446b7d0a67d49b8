import { fileURLToPath } from "node:url";
import type { LoadResult } from "../load/drive.ts";

/** What to send where; the fields are those of the load program's flags. */
export interface LoadRequest {
  readonly url: string;
  readonly protocol?: "http1" | "grpc";
  /** 0 for the closed loop. */
  readonly rate: number;
  readonly connections: number;
  readonly method?: "GET" | "POST";
  readonly body?: string;
  readonly size?: number;
  readonly headers?: readonly string[];
  /** Where the counter starts, and where it wraps. */
  readonly first?: number;
  readonly keys?: number;
  readonly watch?: readonly number[];
}

const program = fileURLToPath(new URL("../load/main.ts", import.meta.url));

/** Runs the generator in a process of its own and gives its result. Seconds for the times. */
export const runLoad = async (request: LoadRequest, warmup: number, duration: number): Promise<LoadResult> => {
  const flags = [
    ["--url", request.url],
    ["--protocol", request.protocol ?? "http1"],
    ["--rate", String(request.rate)],
    ["--connections", String(request.connections)],
    ["--warmup", String(warmup)],
    ["--duration", String(duration)],
    ...(request.method === undefined ? [] : [["--method", request.method]]),
    ...(request.body === undefined ? [] : [["--body", request.body]]),
    ...(request.size === undefined ? [] : [["--size", String(request.size)]]),
    ...(request.first === undefined ? [] : [["--first", String(request.first)]]),
    ...(request.keys === undefined ? [] : [["--keys", String(request.keys)]]),
    ...(request.headers ?? []).map((header) => ["--header", header]),
    ...(request.watch ?? []).map((pid) => ["--watch", String(pid)]),
  ].flat();
  const child = Bun.spawn([process.execPath, program, "--json", ...flags], { stdout: "pipe", stderr: "pipe" });
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`Loading "${request.url}" failed: ${errors.trim()}`);
  return JSON.parse(output) as LoadResult;
};
