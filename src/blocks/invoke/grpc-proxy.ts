import { Code, ConnectError } from "@connectrpc/connect";
import type { RawCall, RawHandler } from "../../api/grpc/raw.ts";
import type { Call } from "../../kit/call.ts";
import { firstValue, type MetadataList, withoutPseudo } from "../../kit/grpc/metadata.ts";
import { encodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import { InvocationFailure } from "../../kit/invocation.ts";
import { failureText } from "./failure.ts";
import { identityLines } from "./header-rules.ts";
import { normalizeMethod } from "./method.ts";
import type { AccessControl, AppName, InvokeMeter, PeerAddress, PeerResolver } from "./ports.ts";
import { parseTarget } from "./target.ts";

/** An answer as frames; the status is in the trailers. */
export interface RawAnswer {
  readonly header: Promise<MetadataList>;
  readonly frames: AsyncIterable<Uint8Array>;
  readonly trailer: Promise<MetadataList>;
}

export interface RawOptions {
  readonly headers: MetadataList;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
}

/** Whatever takes calls of any gRPC service for one app. */
export interface RawTarget {
  raw(path: string, frames: AsyncIterable<Uint8Array>, options: RawOptions): RawAnswer;
}

/** What the accepting side of proxying needs. */
export interface ProxyAcceptPorts {
  readonly self: AppName;
  /** The own app; throws when it cannot be called over gRPC. */
  readonly app: () => RawTarget;
  readonly access: AccessControl;
}

/** What proxying needs of its surroundings. */
export interface ProxyPorts extends ProxyAcceptPorts {
  /** Sidecars of this process: what they answer takes calls for their app. */
  readonly sidecars: { find(appId: string, namespace: string): ProxyAccept | undefined };
  readonly resolver: PeerResolver | undefined;
  readonly peers: { target(peer: PeerAddress): RawTarget } | undefined;
  readonly meter?: InvokeMeter;
}

/** Takes a call for the own app, from a caller whose name is known or not. */
export interface ProxyAccept {
  accept(call: RawCall, caller: Call["caller"]): Promise<void>;
}

const calleeKey = "dapr-callee-app-id";
const appIdKey = "dapr-app-id";
const ownServices = /^\/(?:dapr\.proto\.runtime\.|dapr\.proto\.internals\.|TaskHubSidecarService\/)/;

/** The accepting side: access rules, then the app. */
export function createProxyAccept(ports: ProxyAcceptPorts): ProxyAccept {
  return {
    async accept(call, caller) {
      const path = normalizePath(call.path);
      const reason = ports.access.refuses(caller, path, "");
      if (reason !== undefined) throw new ConnectError(reason, Code.PermissionDenied);
      const headers = forwarded(call);
      if (caller !== undefined) {
        for (const [name, value] of identityLines(caller, ports.self.appId)) if (value !== "") headers[name] = value;
      }
      await relay(call, path, ports.app(), headers);
    },
  };
}

/**
 * Takes calls of services that are not ours and brings them to the own app, to one of this process, or on to a peer. `side` is the
 * listener: what a caller on the API says of who it is does not count, a peer's word does.
 */
export function createGrpcProxy(ports: ProxyPorts, side: "api" | "peer"): RawHandler {
  const { self } = ports;
  const own = createProxyAccept(ports);

  return async (call) => {
    const id = call.header(calleeKey) ?? call.header(appIdKey);
    if (id === undefined) throw new ConnectError(missingTarget(call.path), Code.Unknown);
    let target: ReturnType<typeof parseTarget>;
    try {
      target = parseTarget(id, self.namespace);
    } catch (error) {
      throw new ConnectError((error as Error).message, Code.Unknown);
    }
    if (target.kind === "url") throw new ConnectError(`invalid app id ${id}`, Code.Unknown);
    const { appId, namespace } = target;
    if (appId === self.appId && namespace === self.namespace)
      return own.accept(call, side === "peer" ? peerCaller(call) : undefined);
    const sidecar = ports.sidecars.find(appId, namespace);
    if (sidecar !== undefined) return sidecar.accept(call, self);
    await toPeer(call, { appId, namespace });
  };

  async function toPeer(call: RawCall, app: AppName): Promise<void> {
    const { resolver, peers } = ports;
    if (resolver === undefined || peers === undefined) {
      throw new ConnectError("name resolver not initialized", Code.Unknown);
    }
    let address: string;
    try {
      address = await resolver.resolve(app, call.signal);
    } catch (error) {
      throw new ConnectError(failureText(error), Code.Unknown);
    }
    const headers = forwarded(call);
    headers["dapr-caller-app-id"] = self.appId;
    headers[calleeKey] = app.appId;
    try {
      await relay(call, call.path, peers.target({ ...app, address }), headers);
    } catch (error) {
      if (error instanceof ConnectError && error.code === Code.Unavailable) resolver.forget(app, address);
      throw error;
    }
  }
}

/** The peer's certificate names the caller where there is one; else the peer does. */
function peerCaller(call: RawCall): Call["caller"] {
  if (call.call.caller !== undefined) return call.call.caller;
  const appId = call.header("dapr-caller-app-id");
  return appId === undefined ? undefined : { appId, namespace: call.header("dapr-caller-namespace") ?? "" };
}

function missingTarget(path: string): string {
  return ownServices.test(path)
    ? `failed to proxy request: required metadata ${calleeKey} or ${appIdKey} not found`
    : `cannot proxy request: missing ${calleeKey} or ${appIdKey} metadata`;
}

function normalizePath(path: string): string {
  try {
    return normalizeMethod(path);
  } catch (error) {
    if (!InvocationFailure.is(error)) throw error;
    throw new ConnectError(error.message, Code.InvalidArgument);
  }
}

/** The metadata of a call for the next hop: names of apps and tokens are not passed on, the trace is the call's. */
function forwarded(call: RawCall): Record<string, string | readonly string[]> {
  const headers = withoutPseudo(call.metadata);
  for (const key of [appIdKey, "dapr-api-token", "dapr-caller-app-id", "dapr-caller-namespace", calleeKey]) {
    delete headers[key];
  }
  // Deadline, host and body length belong to the hop.
  for (const key of ["grpc-timeout", "host", "content-length", "te", "connection"]) delete headers[key];
  const { traceparent, tracestate } = call.call.trace;
  if (traceparent !== "") {
    headers["traceparent"] = traceparent;
    const binary = encodeTraceBin(traceparent);
    if (binary !== "") headers["grpc-trace-bin"] = binary;
    if (tracestate !== "") headers["tracestate"] = tracestate;
  }
  return headers;
}

async function relay(call: RawCall, path: string, target: RawTarget, headers: MetadataList): Promise<void> {
  const answer = target.raw(path, call.frames, { headers, timeoutMs: call.timeoutMs(), signal: call.signal });
  const header = await answer.header;
  const received = withoutPseudo(header);
  const hasHeader = firstValue(header, ":status") !== undefined || Object.keys(received).length > 0;
  if (hasHeader) call.respond(received);
  for await (const frame of answer.frames) {
    const taken = call.write(frame);
    if (taken !== undefined) await taken;
  }
  call.end(await answer.trailer);
}
