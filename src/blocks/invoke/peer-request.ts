import type { Call, Trace } from "../../kit/call.ts";
import type { MessageBody } from "../../kit/http-message.ts";
import type { Invocation, Upgrade } from "../../kit/invocation.ts";
import type { WireRequest } from "../../kit/peer-wire/decode.ts";
import { isForAppFromPeer, type Lines, nominated } from "./header-rules.ts";

type Line = readonly [name: string, value: string];

/** A request of another sidecar, with the names and the trace that it carries. */
export interface PeerRequest {
  readonly invocation: Invocation;
  readonly caller: Call["caller"];
  readonly trace: Trace;
}

/** Takes apart what came over the wire: fields of HTTP callers have capital letters there, metadata of gRPC callers has none. */
export function peerInvocation(request: WireRequest, body: MessageBody, upgrade?: Upgrade): PeerRequest {
  const lines: Lines = [];
  const found = { appId: "", namespace: "", traceparent: "", tracestate: "", baggage: "" };
  let isGrpc = false;
  let contentType = "";
  let length: number | undefined;
  let connection: string | undefined;
  const { metadata } = request;
  // Loops by index: taking pairs apart costs as much as what is done with them.
  for (let at = 0; at < metadata.length; at++) {
    const name = (metadata[at] as Line)[0];
    if (name.length === 10 && name.toLowerCase() === "connection") connection = name;
  }
  const dropped = connection === undefined ? undefined : nominated(joinedValue(request, connection));
  for (let at = 0; at < metadata.length; at++) {
    const line = metadata[at] as Line;
    const given = line[0];
    const value = line[1];
    const name = given.toLowerCase();
    if (name === "dapr-caller-app-id") found.appId = value;
    else if (name === "dapr-caller-namespace") found.namespace = value;
    if (isForAppFromPeer(name, dropped)) lines.push(name === given ? line : [name, value]);
    else if (name === "content-type") {
      if (given === name && value.startsWith("application/grpc")) isGrpc = true;
      else contentType = value;
    } else if (name === "content-length") length = readLength(value);
    else if (name === "traceparent" || name === "tracestate" || name === "baggage") found[name] = value;
  }
  const invocation: Invocation = {
    wire: isGrpc ? "grpc" : "http",
    method: request.method,
    verb: request.verb,
    query: request.query,
    contentType: request.contentType === "" ? contentType : request.contentType,
    typeUrl: request.typeUrl,
    headers: lines,
    body,
    ...(upgrade !== undefined && { upgrade }),
  };
  const { appId, namespace, traceparent, tracestate, baggage } = found;
  return {
    invocation: body instanceof ReadableStream && length !== undefined ? { ...invocation, length } : invocation,
    caller: appId === "" ? undefined : { appId, namespace },
    trace: { traceparent, tracestate, baggage },
  };
}

/** The trace of the RPC itself, with what only the request carries. */
export function withPeerTrace(rpc: Trace, carried: Trace): Trace {
  if (rpc.traceparent === "") return carried;
  return rpc.baggage === "" && carried.baggage !== "" ? { ...rpc, baggage: carried.baggage } : rpc;
}

function joinedValue(request: WireRequest, name: string): string {
  return request.metadata
    .filter((line) => line[0] === name)
    .map((line) => line[1])
    .join(",");
}

function readLength(value: string): number | undefined {
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
