import { sampleOf } from "../harness/figure.ts";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { runLoad } from "../harness/run-load.ts";
import { type SidecarPair, startPair } from "../harness/sidecar-pair.ts";

const connections = 16;
const rate = 1000;
const size = 1024;
const path = "/bench.Echo/Unary";

export const twoProcessGrpc = defineMeasure({
  name: "two-process-grpc",
  group: "load",
  title: "gRPC proxied through two sidecar processes",
  setup: `unary calls of a foreign service, 1 KB, ${rate}/s, ${connections} connections, named by the metadata \`dapr-app-id\`; added = minus the direct call of the same round; of CPU the greater of the two sidecars counts`,
  run: async (bench) => {
    const pairs: SidecarPair[] = [];
    let direct = { p50: 0, p99: 0 };
    const measure =
      (base: string, calleeId: string, watch: readonly number[]): Turn =>
      async () => {
        const headers = watch.length === 0 ? [] : [`dapr-app-id: ${calleeId}`];
        const request = { url: base + path, protocol: "grpc", connections, size, headers, watch } as const;
        const result = await runLoad({ ...request, rate }, bench.warmup, bench.duration);
        const { p50, p99 } = result.latency;
        const before = watch.length === 0 ? { p50: 0, p99: 0 } : direct;
        if (watch.length === 0) direct = { p50, p99 };
        return [
          sampleOf(result, p50 - before.p50),
          sampleOf(result, p99 - before.p99),
          sampleOf(result, Math.max(0, ...result.watched.map(({ cpu }) => cpu * 1000))),
        ];
      };
    const turns: Partial<Record<"echo" | "pillion" | "daprd", Turn>> = { echo: measure(bench.echo.url, "", []) };
    try {
      for (const subject of bench.subjects) {
        const pair = startPair(bench, subject, { appPort: bench.echo.port, appProtocol: "grpc" });
        pairs.push(pair);
        turns[subject.name] = measure(`http://127.0.0.1:${pair.caller.grpcPort}`, pair.calleeId, pair.pids);
      }
      const { echo, pillion, daprd } = await takeTurns(bench, turns);
      return [
        {
          title: "gRPC, two processes, added p50 (echo: direct p50)",
          unit: "µs",
          limits: [
            { of: "echo", atMost: 4.5 },
            { of: "daprd", atMost: 0.5 },
          ],
          echo: echo?.[0],
          pillion: pillion?.[0],
          daprd: daprd?.[0],
        },
        {
          title: "gRPC, two processes, added p99 (echo: direct p99)",
          unit: "µs",
          limits: [{ of: "daprd", atMost: 0.3 }],
          echo: echo?.[1],
          pillion: pillion?.[1],
          daprd: daprd?.[1],
        },
        {
          title: "gRPC, two processes, CPU of a sidecar at 1,000/s",
          unit: "ms/s",
          limits: [],
          pillion: pillion?.[2],
          daprd: daprd?.[2],
        },
      ];
    } finally {
      await Promise.all(pairs.map((pair) => pair.stop()));
    }
  },
});
