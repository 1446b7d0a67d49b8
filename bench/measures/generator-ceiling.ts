import { sampleOf } from "../harness/figure.ts";
import { defineMeasure, takeTurns } from "../harness/measure.ts";
import { runLoad } from "../harness/run-load.ts";

const size = 1024;

export const generatorCeiling = defineMeasure({
  name: "generator-ceiling",
  group: "load",
  title: "The generator against the echo app alone",
  setup: "what every ratio divides by, and the most that this generator can show; bodies of 1 KB both ways",
  run: async (bench) => {
    const http = { url: `${bench.echo.url}/echo`, size };
    const grpc = { url: `${bench.echo.url}/bench.Echo/Unary`, protocol: "grpc" as const, size };
    const { echo } = await takeTurns(bench, {
      echo: async () => {
        const load = (request: Parameters<typeof runLoad>[0]) => runLoad(request, bench.warmup, bench.duration);
        const httpSteady = await load({ ...http, rate: 1000, connections: 16 });
        const grpcSteady = await load({ ...grpc, rate: 1000, connections: 16 });
        const http16 = await load({ ...http, rate: 0, connections: 16 });
        const http64 = await load({ ...http, rate: 0, connections: 64 });
        const grpc64 = await load({ ...grpc, rate: 0, connections: 64 });
        return [
          sampleOf(httpSteady, httpSteady.latency.p50),
          sampleOf(grpcSteady, grpcSteady.latency.p50),
          ...[http16, http64, grpc64].map((result) => sampleOf(result, result.perSecond)),
        ];
      },
    });
    const titles = [
      ["HTTP/1.1, 1,000/s, 16 connections, p50", "µs"],
      ["gRPC, 1,000/s, 16 connections, p50", "µs"],
      ["HTTP/1.1, 16 connections, most per second", "/s"],
      ["HTTP/1.1, 64 connections, most per second", "/s"],
      ["gRPC, 64 connections, most per second", "/s"],
    ] as const;
    return titles.map(([title, unit], figure) => ({ title, unit, limits: [], echo: echo?.[figure] }));
  },
});
