import { createGrpcEcho } from "./grpc-echo.ts";
import { createHttp1Subscriber } from "./http1-subscriber.ts";
import { createServer } from "./serve.ts";

// An app that takes events, in a process of its own. The first line printed is the port.
const server = createServer(0, createHttp1Subscriber(), createGrpcEcho());
console.log(server.port);
server.run();
