import { type Sample, sampleOf } from "../harness/figure.ts";
import { defineMeasure, type Turn, takeTurns } from "../harness/measure.ts";
import { runLoad } from "../harness/run-load.ts";
import { type SidecarPair, startPair } from "../harness/sidecar-pair.ts";

const connections = 16;
const rate = 1000;
const size = 1024;

export const twoProcessInvoke = defineMeasure({
  name: "two-process-invoke",
  group: "load",
  title: "Invocation through two sidecar processes",
  setup: `a POST of 1 KB, ${rate}/s, ${connections} connections, to the echo through the caller's and the callee's sidecar; added = minus the direct call of the same round; of CPU and memory the greater of the two sidecars counts; the most per second in a closed loop`,
  run: async (bench) => {
    const pairs: SidecarPair[] = [];
    let direct = { p50: 0, p99: 0 };
    const measure =
      (url: string, watch: readonly number[]): Turn =>
      async () => {
        const request = { url, connections, size, watch };
        const steady = await runLoad({ ...request, rate }, bench.warmup, bench.duration);
        const most = await runLoad({ ...request, rate: 0 }, bench.warmup, bench.duration);
        const { p50, p99 } = steady.latency;
        const sample = (value: number): Sample => sampleOf(steady, value);
        if (watch.length === 0) direct = { p50, p99 };
        return [
          sample(watch.length === 0 ? p50 : p50 - direct.p50),
          sample(watch.length === 0 ? p99 : p99 - direct.p99),
          sampleOf(most, most.perSecond),
          sample(Math.max(0, ...steady.watched.map(({ cpu }) => cpu * 1000))),
          sample(Math.max(0, ...steady.watched.map(({ rssMb }) => rssMb))),
        ];
      };
    const turns: Partial<Record<"echo" | "pillion" | "daprd", Turn>> = { echo: measure(`${bench.echo.url}/echo`, []) };
    try {
      for (const subject of bench.subjects) {
        const pair = startPair(bench, subject, { appPort: bench.echo.port });
        pairs.push(pair);
        const url = `http://127.0.0.1:${pair.caller.httpPort}/v1.0/invoke/${pair.calleeId}/method/echo`;
        turns[subject.name] = measure(url, pair.pids);
      }
      const { echo, pillion, daprd } = await takeTurns(bench, turns);
      const columns = (figure: number) => ({
        echo: echo?.[figure],
        pillion: pillion?.[figure],
        daprd: daprd?.[figure],
      });
      const sidecars = (figure: number) => ({ pillion: pillion?.[figure], daprd: daprd?.[figure] });
      return [
        {
          title: "two processes, added p50 (echo: direct p50)",
          unit: "µs",
          limits: [
            { of: "echo", atMost: 4 },
            { of: "daprd", atMost: 0.4 },
          ],
          ...columns(0),
        },
        {
          title: "two processes, added p99 (echo: direct p99)",
          unit: "µs",
          limits: [{ of: "daprd", atMost: 0.3 }],
          ...columns(1),
        },
        {
          title: "two processes, most per second",
          unit: "/s",
          limits: [{ of: "daprd", atLeast: 2.5 }],
          ...columns(2),
        },
        {
          title: "two processes, CPU of a sidecar at 1,000/s",
          unit: "ms/s",
          limits: [{ of: "value", atMost: 220 }],
          ...sidecars(3),
        },
        {
          title: "two processes, RSS of a sidecar at 1,000/s",
          unit: "MB",
          limits: [{ of: "value", atMost: 80 }],
          ...sidecars(4),
        },
      ];
    } finally {
      await Promise.all(pairs.map((pair) => pair.stop()));
    }
  },
});
