import { join } from "node:path";
import type { Sample } from "../harness/figure.ts";
import { type Bench, defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { startPair } from "../harness/sidecar-pair.ts";
import { freePorts, type Subject } from "../harness/subject.ts";
import { readPeakMb, readProcess } from "../proc/process-usage.ts";

const script = (name: string): string => join(import.meta.dirname, "../echo", name);

/** Runs a client to its end; its failure is this measure's. */
const runClient = async (name: string, url: string): Promise<void> => {
  const child = Bun.spawn([process.execPath, script(name), url, "1"], { stdout: "ignore", stderr: "inherit" });
  const code = await child.exited;
  if (code !== 0) throw new Error(`Streaming with "${name}" failed: it ended with code ${code}`);
};

/** MB by which the greater of two processes grew at most, while `work` ran. */
const growth = async (pids: readonly number[], work: () => Promise<void>): Promise<Sample> => {
  const before = pids.map((pid) => readProcess(pid).rssMb);
  await work();
  return { value: Math.max(...pids.map((pid, index) => readPeakMb(pid) - (before[index] ?? 0))) };
};

/** The same start for each direction, so that the peak of one does not hide the other's. */
const streamOnce = async (bench: Bench, subject: Subject, client: string, appPort: number): Promise<Sample> => {
  const pair = startPair(bench, subject, { appPort }, { maxBodySize: "2Gi" });
  try {
    const base = `http://127.0.0.1:${pair.caller.httpPort}/v1.0/invoke/${pair.calleeId}/method`;
    // Finds the peer and opens the connections.
    for (let call = 0; call < 50; call++) await (await fetch(`${base}/small`)).arrayBuffer();
    return await growth(pair.pids, () => runClient(client, `${base}/all`));
  } finally {
    await pair.stop();
  }
};

export const twoProcessStream = defineMeasure({
  name: "two-process-stream",
  group: "load",
  title: "One GiB streamed through two sidecar processes",
  setup:
    "an answer of 1 GiB as fast as it goes, and a request of 1 GiB; peak minus resident set size before, of the sidecar that grew more",
  run: async (bench) => {
    const [appPort = 0] = freePorts(1);
    const app = Bun.spawn([process.execPath, script("stream-app.ts"), String(appPort)], { stdout: "ignore" });
    const turns: Partial<Record<Subject["name"], Turn>> = {};
    try {
      for (const subject of bench.subjects) {
        // daprd is left out of the second figure: it grew by 2.2 GB, and nothing is learned from that twice.
        const clients = subject.name === "daprd" ? ["stream-reader.ts"] : ["stream-reader.ts", "stream-writer.ts"];
        turns[subject.name] = async () => {
          const samples: Sample[] = [];
          for (const client of clients) samples.push(await streamOnce(bench, subject, client, appPort));
          return samples;
        };
      }
      const { pillion, daprd } = await takeTurns(bench, turns);
      return ["answer", "request"].map((direction, figure) => ({
        title: `1 GiB ${direction}, two processes, growth of a sidecar`,
        unit: "MB" as const,
        limits: [{ of: "value" as const, atMost: 40 }],
        pillion: pillion?.[figure],
        daprd: daprd?.[figure],
      }));
    } finally {
      app.kill("SIGKILL");
    }
  },
});
