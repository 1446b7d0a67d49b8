import { Code, ConnectError } from "@connectrpc/connect";
import type { RawCall, RawHandler } from "../../api/grpc/raw.ts";
import { describeMetadata } from "../../api/grpc/rpc-span.ts";
import { errorFromTrailers } from "../../errors/grpc-status.ts";
import type { BeginSpan, Call, Span, Trace } from "../../kit/call.ts";
import type { Clock } from "../../kit/clock.ts";
import type { MetadataList } from "../../kit/grpc/metadata.ts";
import { encodeTraceBin } from "../../kit/grpc/trace-bin.ts";
import { InvocationFailure } from "../../kit/invocation.ts";
import { type Policy, PolicyError } from "../../kit/policy.ts";
import { isTruthy } from "../../kit/truthy.ts";
import { failureText } from "./failure.ts";
import { policyConnectError } from "./grpc-policy-error.ts";
import { establishedAnswer, guardedProxyCall, unsent } from "./grpc-proxy-policy.ts";
import { type RawOpen, type RawReceiver, relay, relayAnswer } from "./grpc-relay.ts";
import { identityLines } from "./header-rules.ts";
import { normalizeMethod } from "./method.ts";
import type { AccessControl, AppName, InvokeMeter, OwnName, PeerAddress, PeerResolver } from "./ports.ts";
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
  /** Its connection, where it has one. */
  readonly http2?: { readonly connected: boolean };
  raw(path: string, frames: AsyncIterable<Uint8Array>, options: RawOptions): RawAnswer;
  /** The same on the level of callbacks, where there is such a way. */
  open?(path: string, options: Omit<RawOptions, "signal">, receiver: RawReceiver): RawOpen;
}

/** What the accepting side of proxying needs. */
export interface ProxyAcceptPorts {
  readonly self: OwnName;
  /** The own app; throws when it cannot be called over gRPC. */
  readonly app: () => RawTarget;
  readonly access: AccessControl;
  /** Begins the step of this side; absent: the caller's trace goes on as it is. */
  readonly beginSpan?: BeginSpan;
}

/** What proxying needs of its surroundings. */
export interface ProxyPorts extends ProxyAcceptPorts {
  /** Sidecars of this process: what they answer takes calls for their app. */
  readonly sidecars: { find(appId: string, namespace: string): ProxyAccept | undefined };
  readonly resolver: PeerResolver | undefined;
  readonly peers: { target(peer: PeerAddress): RawTarget } | undefined;
  readonly meter?: InvokeMeter;
  readonly clock: Clock;
  /** Around calls of another app's method; undefined: nothing. */
  readonly policy?: ((id: string, path: string) => Policy | undefined) | undefined;
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
      const trace = ports.beginSpan?.("server", call.trace) ?? call.trace;
      const headers = forwarded(call, trace);
      if (caller !== undefined) {
        for (const [name, value] of identityLines(caller, ports.self.appId)) if (value !== "") headers[name] = value;
      }
      const span = ports.beginSpan === undefined ? undefined : trace.span;
      if (span === undefined) await relay(call, path, appOf(ports), headers);
      else await recorded(span, call, () => relay(call, path, appOf(ports), headers));
    },
  };
}

/** compat: an app that speaks no gRPC is one that cannot be reached. */
function appOf({ app }: ProxyAcceptPorts): RawTarget {
  try {
    return app();
  } catch (error) {
    throw new ConnectError((error as Error).message, Code.Unavailable);
  }
}

/** Runs the relay of a call whose span is recorded. */
async function recorded(span: Span, call: RawCall, run: () => Promise<MetadataList>): Promise<void> {
  span.name = call.path;
  describeMetadata(span, call.metadata);
  try {
    const fault = errorFromTrailers(await run());
    if (fault !== undefined) span.fail(fault.rawMessage);
  } catch (error) {
    span.fail(error instanceof ConnectError ? error.rawMessage : (error as Error).message);
    throw error;
  } finally {
    span.end();
  }
}

/**
 * Takes calls of services that are not ours and brings them to the own app, to one of this process, or on to a peer. `side` is the
 * listener: what a caller on the API says of who it is does not count, a peer's word does.
 */
export function createGrpcProxy(ports: ProxyPorts, side: "api" | "peer"): RawHandler {
  const { self } = ports;
  // What comes in on the API has its span already.
  const own = createProxyAccept(side === "api" ? { ...ports, beginSpan: undefined } : ports);

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
    const policy = policyOf(call);
    if (policy === undefined) {
      return sidecar === undefined ? toPeer(call, { appId, namespace }) : sidecar.accept(call, self);
    }
    if (!isTruthy(call.header("dapr-stream"))) {
      return guardedProxyCall(policy, call, (attempt) =>
        sidecar === undefined ? toPeer(attempt, { appId, namespace }) : sidecar.accept(attempt, self),
      );
    }
    if (sidecar === undefined) return streamToPeer(policy, call, { appId, namespace });
    await policy.run(async () => undefined, call.signal).catch(rethrowPolicyError);
    await sidecar.accept(call, self);
  };

  /** compat: pkg/api/grpc/proxy/handler.go looks for the policy under dapr-app-id alone. */
  function policyOf(call: RawCall): Policy | undefined {
    if (ports.policy === undefined) return undefined;
    const named = call.header(appIdKey);
    return named === undefined ? undefined : ports.policy(named, call.path);
  }

  async function findPeer(
    call: RawCall,
    app: AppName,
  ): Promise<{ readonly address: string; readonly target: RawTarget }> {
    const { resolver, peers } = ports;
    if (resolver === undefined || peers === undefined) {
      throw unsent(new ConnectError("name resolver not initialized", Code.Unknown));
    }
    try {
      const found = resolver.resolve(app, call);
      const address = typeof found === "string" ? found : await found;
      return { address, target: peers.target({ ...app, address }) };
    } catch (error) {
      throw unsent(new ConnectError(failureText(error), Code.Unknown));
    }
  }

  async function toPeer(call: RawCall, app: AppName): Promise<void> {
    const { address, target } = await findPeer(call, app);
    try {
      await relay(call, call.path, target, headersFor(call, app));
    } catch (error) {
      if (error instanceof ConnectError && error.code === Code.Unavailable) ports.resolver?.forget(app, address);
      throw error;
    }
  }

  async function streamToPeer(policy: Policy, call: RawCall, app: AppName): Promise<void> {
    const headers = headersFor(call, app);
    const find = async () => (await findPeer(call, app)).target;
    const answer = await establishedAnswer(policy, call, ports.clock, find, (target, frames, signal) =>
      target.raw(call.path, frames, { headers, timeoutMs: call.timeoutMs(), signal }),
    );
    await relayAnswer(call, answer);
  }

  function headersFor(call: RawCall, app: AppName): Record<string, string | readonly string[]> {
    const headers = forwarded(call, call.trace);
    headers["dapr-caller-app-id"] = self.appId;
    headers[calleeKey] = app.appId;
    return headers;
  }
}

function rethrowPolicyError(error: unknown): never {
  throw PolicyError.is(error) ? policyConnectError(error) : error;
}

/** The peer's certificate names the caller where there is one; else the peer does. */
function peerCaller(call: RawCall): Call["caller"] {
  if (call.caller !== undefined) return call.caller;
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

/** Names of apps and tokens are not passed on; deadline, host and body length belong to the hop. */
const ofThisHop: ReadonlySet<string> = new Set([
  appIdKey,
  "dapr-api-token",
  "dapr-caller-app-id",
  "dapr-caller-namespace",
  calleeKey,
  "grpc-timeout",
  "host",
  "content-length",
  "te",
  "connection",
]);

/** The metadata of a call for the next hop, with the trace of the step. */
function forwarded(call: RawCall, trace: Trace): Record<string, string | readonly string[]> {
  const { metadata } = call;
  const headers: Record<string, string | readonly string[]> = {};
  for (const key in metadata) {
    const value = metadata[key];
    if (value !== undefined && key.charCodeAt(0) !== 0x3a && !ofThisHop.has(key)) headers[key] = value;
  }
  const { traceparent, tracestate } = trace;
  if (traceparent !== "") {
    headers["traceparent"] = traceparent;
    const binary = encodeTraceBin(traceparent);
    if (binary !== "") headers["grpc-trace-bin"] = binary;
    if (tracestate !== "") headers["tracestate"] = tracestate;
  }
  return headers;
}
