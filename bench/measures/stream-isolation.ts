import { join } from "node:path";
import { sampleOf } from "../harness/figure.ts";
import { defineMeasure, takeTurns } from "../harness/measure.ts";
import { writeTemplate } from "../harness/resource-files.ts";
import { runLoad } from "../harness/run-load.ts";
import { freePorts, startProcess } from "../harness/subject.ts";

const connections = 16;
const rate = 1000;
const size = 1024;
const script = (name: string): string => join(import.meta.dirname, "../echo", name);

/** Three apps of one process: what one's stream of a GiB costs the calls of another. */
export const streamIsolation = defineMeasure({
  name: "stream-isolation",
  group: "load",
  title: "Calls of one app while another streams",
  setup: `three apps of one process; a POST of 1 KB, ${rate}/s, to the first, while a reader takes 1 GiB after the other from the second; the column "echo" is the same load without the stream`,
  run: async (bench) => {
    const pillion = bench.subjects.find((subject) => subject.name === "pillion");
    if (pillion === undefined) return [];
    const folder = bench.folder("isolation");
    const ports = freePorts(10);
    const [streamPort = 0, ...rest] = ports;
    const apps = ["caller", "callee", "streamer"].map((appId, index) => ({
      appId,
      httpPort: rest[index * 3] ?? 0,
      grpcPort: rest[index * 3 + 1] ?? 0,
      metricsPort: rest[index * 3 + 2] ?? 0,
      ...(appId === "callee" && { appPort: bench.echo.port }),
      ...(appId === "streamer" && { appPort: streamPort }),
    }));
    const app = Bun.spawn([process.execPath, script("stream-app.ts"), String(streamPort)], { stdout: "ignore" });
    const callerPort = apps[0]?.httpPort ?? 0;
    const command = [pillion.binary, "run", "-f", writeTemplate(folder, apps)];
    const running = startProcess(
      command,
      folder,
      apps.map(({ httpPort }) => httpPort),
    );
    const url = `http://127.0.0.1:${callerPort}/v1.0/invoke/callee/method/echo`;
    const load = () => runLoad({ url, rate, connections, size }, bench.warmup, bench.duration);
    try {
      const { echo, pillion: busy } = await takeTurns(bench, {
        echo: async () => {
          const result = await load();
          return [sampleOf(result, result.latency.p99), sampleOf(result, result.latency.p50)];
        },
        pillion: async () => {
          const stream = `http://127.0.0.1:${callerPort}/v1.0/invoke/streamer/method/all`;
          const reader = Bun.spawn([process.execPath, script("stream-reader.ts"), stream], { stdout: "ignore" });
          const result = await load();
          reader.kill("SIGKILL");
          return [sampleOf(result, result.latency.p99), sampleOf(result, result.latency.p50)];
        },
      });
      return [
        {
          title: "invoke, 1,000/s, p99 beside a stream",
          unit: "µs",
          limits: [{ of: "echo", atMost: 3 }],
          echo: echo?.[0],
          pillion: busy?.[0],
        },
        { title: "invoke, 1,000/s, p50 beside a stream", unit: "µs", limits: [], echo: echo?.[1], pillion: busy?.[1] },
      ];
    } finally {
      await running.stop();
      app.kill("SIGKILL");
    }
  },
});
