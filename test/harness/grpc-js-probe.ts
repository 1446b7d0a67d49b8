import { createRequire } from "node:module";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type * as grpcJs from "@grpc/grpc-js";
import { describeProbe, type Probe, type ProbeInit } from "./probe-service.ts";

/** The foreign gRPC library, loaded as CommonJS on every runtime. */
export const grpc = createRequire(import.meta.url)("@grpc/grpc-js") as typeof grpcJs;

/** The probe service as the foreign library describes services. */
export function foreignProbe() {
  const probe = describeProbe();
  const serialize = (value: ProbeInit) => Buffer.from(toBinary(probe.message, probe.init(value)));
  const deserialize = (bytes: Buffer) => fromBinary(probe.message, bytes) as unknown as Probe;
  const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
    path: `/probe.v1.Probe/${name}`,
    requestStream,
    responseStream,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  });
  return {
    unary: method("Unary", false, false),
    serverStream: method("ServerStream", false, true),
    clientStream: method("ClientStream", true, false),
    bidi: method("Bidi", true, true),
  };
}

/** How a foreign call failed. */
export interface ForeignError extends Error {
  readonly code: number;
  readonly details: string;
  readonly metadata: grpcJs.Metadata;
}
