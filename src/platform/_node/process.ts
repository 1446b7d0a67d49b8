import { hostname, networkInterfaces } from "node:os";
import type { ProcessControl } from "../types.ts";
import { createLineOutput } from "./output.ts";
import { spawnChild } from "./spawn.ts";

async function readStdin(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}

/** Control of this process and its children. Output is written in order and flushed by `exit`. */
export function createProcessControl(): ProcessControl {
  const out = createLineOutput(1);
  const err = createLineOutput(2);
  return {
    pid: process.pid,
    argv: process.argv,
    execPath: process.execPath,
    hostname: hostname(),
    platform: process.platform === "win32" ? "windows" : process.platform === "darwin" ? "darwin" : "linux",
    cwd: () => process.cwd(),
    exit(code) {
      out.flush();
      err.flush();
      process.exit(code);
    },
    stdout: out.write,
    stderr: err.write,
    readStdin,
    hold() {
      const timer = setInterval(() => undefined, 2 ** 30);
      return () => clearInterval(timer);
    },
    onSignal(signal, handle) {
      // portable: runtimes hand arguments to the listener, the contract has none
      const listener = () => handle();
      process.on(signal, listener);
      return () => void process.off(signal, listener);
    },
    spawn: spawnChild,
    signal(pid, signal) {
      try {
        process.kill(pid, signal);
        return true;
      } catch (error) {
        // EPERM: it is there, but belongs to someone else
        return (error as NodeJS.ErrnoException).code === "EPERM" && signal === 0;
      }
    },
    memory: () => process.memoryUsage.rss(),
    addresses() {
      const found = Object.entries(networkInterfaces()).flatMap(([name, entries]) =>
        (entries ?? [])
          .filter((entry) => !entry.internal)
          .map((entry) => ({
            address: entry.address,
            // portable: some runtimes give "IPv4", some 4
            family: String(entry.family).endsWith("6") ? (6 as const) : (4 as const),
            interface: name,
          })),
      );
      return found.sort((a, b) => a.family - b.family);
    },
  };
}
