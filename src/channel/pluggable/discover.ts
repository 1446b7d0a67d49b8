import { Code, ConnectError } from "@connectrpc/connect";
import { ServerReflection as ReflectionV1 } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ReflectionV1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Http2Client, Http2Connect } from "../../platform/types.ts";
import { createGrpcClient, type GrpcClient } from "../grpc/client.ts";

const maxBytes = 4 << 20;
const askTimeoutMs = 3000;
const retryMs = 50;

export interface DiscoverPorts {
  readonly connect: (options: Http2Connect) => Http2Client;
  readonly clock: Clock;
}

async function* just<T>(value: T): AsyncGenerator<T> {
  yield value;
}

const question = { messageRequest: { case: "listServices", value: "*" } } as const;

async function ask(client: GrpcClient, timeoutMs: number): Promise<readonly string[]> {
  const answers = client.bidi(ReflectionV1Alpha.method.serverReflectionInfo, just(question), { timeoutMs });
  for await (const { messageResponse } of answers.messages)
    if (messageResponse.case === "listServicesResponse") return messageResponse.value.service.map(({ name }) => name);
  throw new ConnectError("the reflection service did not list the services", Code.Internal);
}

/** The later form of the question, for components that have only that. */
async function askV1(client: GrpcClient, timeoutMs: number): Promise<readonly string[]> {
  const answers = client.bidi(ReflectionV1.method.serverReflectionInfo, just(question), { timeoutMs });
  for await (const { messageResponse } of answers.messages)
    if (messageResponse.case === "listServicesResponse") return messageResponse.value.service.map(({ name }) => name);
  throw new ConnectError("the reflection service did not list the services", Code.Internal);
}

/**
 * The gRPC services behind a socket, as its reflection service lists them. A socket on which nobody listens yet is tried for
 * three seconds; after them, and when the component has no reflection, it rejects.
 */
export async function listServices(path: string, { connect, clock }: DiscoverPorts): Promise<readonly string[]> {
  const client = createGrpcClient({
    client: connect({ host: "localhost", port: 0, path }),
    clock,
    target: `unix ${path}`,
    maxReceiveBytes: maxBytes,
    maxSendBytes: maxBytes,
  });
  const deadline = clock.monotonic() + askTimeoutMs;
  try {
    for (;;) {
      const left = deadline - clock.monotonic();
      try {
        return await ask(client, left);
      } catch (error) {
        const { code } = ConnectError.from(error);
        if (code === Code.Unimplemented) return await askV1(client, left);
        if (code !== Code.Unavailable || left <= retryMs) throw error;
      }
      await clock.sleep(retryMs);
    }
  } finally {
    await client.http2.close();
  }
}
