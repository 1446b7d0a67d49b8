import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A program that can be ended and started again with the same words. */
export interface Program {
  readonly pid: number;
  /** All that it has written, over all its lives. */
  readonly output: () => string;
  start(): void;
  /** Ends it and waits. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

/** A program that is not running yet. */
export function defineProgram(
  command: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Program {
  let child: ChildProcess | undefined;
  let output = "";
  const keep = (chunk: unknown): void => {
    output += String(chunk);
  };
  return {
    get pid() {
      return child?.pid ?? 0;
    },
    output: () => output,
    start() {
      const [program = "", ...args] = command;
      child = spawn(program, args, {
        cwd: options.cwd,
        env: { PATH: process.env["PATH"] ?? "", HOME: options.cwd, ...options.env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      child.stdout?.on("data", keep);
      child.stderr?.on("data", keep);
    },
    async stop(signal) {
      const running = child;
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
      const ended = new Promise((resolve) => running.once("exit", resolve));
      running.kill(signal);
      await ended;
    },
  };
}

/** What a process holds. */
export interface Holdings {
  readonly rssMb: number;
  /** Open file descriptors. */
  readonly handles: number;
  /** Those of them that are sockets. */
  readonly sockets: number;
}

/** Reads it from `/proc`. */
export function holdingsOf(pid: number): Holdings {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const folder = `/proc/${pid}/fd`;
  const links = readdirSync(folder).map((name) => {
    try {
      return readlinkSync(`${folder}/${name}`);
    } catch {
      return "";
    }
  });
  return {
    rssMb: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024,
    handles: links.filter((link) => link !== "").length,
    sockets: links.filter((link) => link.startsWith("socket:")).length,
  };
}

/** Waits until a URL answers with a status below 300. */
export async function untilHealthy(url: string, seconds: number): Promise<void> {
  for (const end = Date.now() + seconds * 1000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const isUp = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return;
    if (Date.now() > end) throw new Error(`Waiting for ${url} failed: no good answer for ${seconds} s`);
  }
}
