import { parseArgs } from "node:util";
import { createGrpcEcho } from "./grpc-echo.ts";
import { createHttp1Echo } from "./http1-echo.ts";
import { createServer } from "./serve.ts";

const help = `Usage: bun bench/echo/main.ts [--port N] [--size N]
  --port N   loopback port, 0 picks a free one                              [0]
  --size N   letters that GET answers with; other methods echo their body   [1024]
HTTP/1.1 and gRPC over h2c share the port. The first line printed is the port.`;

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    size: { type: "string", default: "1024" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) console.log(help);
else {
  const server = createServer(Number(values.port), createHttp1Echo(Number(values.size)), createGrpcEcho());
  console.log(server.port);
  server.run();
}
