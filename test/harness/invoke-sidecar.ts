import { createGrpcServer } from "../../src/api/grpc/server.ts";
import { createGrpcTracing } from "../../src/api/grpc/tracing.ts";
import { createHttpApi } from "../../src/api/http/app.ts";
import { type AcceptPorts, allowAll, createAccept } from "../../src/blocks/invoke/accept.ts";
import { createGrpcTarget } from "../../src/blocks/invoke/app-grpc.ts";
import { createHttpTarget } from "../../src/blocks/invoke/app-http.ts";
import { invokeGrpc } from "../../src/blocks/invoke/grpc.ts";
import { createGrpcProxy, createProxyAccept, type ProxyAccept } from "../../src/blocks/invoke/grpc-proxy.ts";
import { invokeHttp } from "../../src/blocks/invoke/http.ts";
import { createInvoke, type Invoke } from "../../src/blocks/invoke/invoke.ts";
import { invokePeer, invokePeerStream } from "../../src/blocks/invoke/peer.ts";
import { createGrpcAppChannel } from "../../src/channel/app/grpc-app.ts";
import { createHttpAppChannel } from "../../src/channel/app/http-app.ts";
import { createGrpcPool } from "../../src/channel/grpc/pool.ts";
import { createPeers } from "../../src/channel/peer/peers.ts";
import type { PeerResolver } from "../../src/channel/peer/resolve.ts";
import type { Resiliency } from "../../src/config/resource/resiliency.ts";
import type { InvocationTarget } from "../../src/kit/invocation.ts";
import type { Platform } from "../../src/platform/types.ts";
import { createPolicyProvider, type ResiliencyMeter } from "../../src/resiliency/provider.ts";
import { invokePolicies, proxyPolicy } from "../../src/runtime/invoke-policies.ts";
import { createSpanRecorder, type SpanSink } from "../../src/telemetry/span.ts";
import { createTracer } from "../../src/telemetry/trace.ts";

/** A sidecar reduced to invocation, on real listeners. */
export interface InvokeSidecar {
  readonly appId: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly peerAddress: string;
  readonly invoke: Invoke;
  readonly accept: InvocationTarget;
  readonly proxy: ProxyAccept;
  close(): Promise<void>;
}

export interface InvokeSidecarOptions {
  readonly platform: Platform;
  readonly appId: string;
  readonly namespace?: string;
  /** Port of an app and its protocol; absent: no app. */
  readonly app?: { readonly port: number; readonly protocol: "http" | "grpc" };
  readonly appToken?: string;
  readonly maxConcurrency?: number;
  readonly access?: AcceptPorts["access"];
  /** Sidecars of the same process. */
  readonly neighbours?: () => readonly InvokeSidecar[];
  /** Internal addresses of other apps. */
  readonly peers?: Readonly<Record<string, string>>;
  /** Instead of `peers`. */
  readonly resolver?: PeerResolver;
  readonly bodyLimit?: number;
  readonly resiliencies?: readonly Resiliency[];
  readonly resiliencyMeter?: ResiliencyMeter;
  /** Every call is sampled, and what is recorded comes here; absent: trace headers are passed on. */
  readonly spans?: SpanSink;
}

const limit = 4 << 20;
const nothing = (): void => undefined;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const unmetered: ResiliencyMeter = {
  loaded: nothing,
  target: () => ({ executed: nothing, activated: nothing }),
};

/** Starts one on loopback. */
export async function startInvokeSidecar(options: InvokeSidecarOptions): Promise<InvokeSidecar> {
  const { platform, appId, namespace = "default", appToken = "", maxConcurrency = 0 } = options;
  const { clock } = platform;
  const access = options.access ?? allowAll;
  const common = { platform, host: "127.0.0.1", port: options.app?.port ?? 0, appToken, maxConcurrency };
  const httpApp = options.app?.protocol === "http" ? createHttpAppChannel({ ...common, protocol: "http" }) : undefined;
  const grpcApp = options.app?.protocol === "grpc" ? createGrpcAppChannel({ ...common, tls: false }) : undefined;
  const target =
    httpApp !== undefined
      ? createHttpTarget(httpApp, `http://127.0.0.1:${common.port}`)
      : grpcApp === undefined
        ? undefined
        : createGrpcTarget(grpcApp);
  const app = () => target;
  const { spans } = options;
  const tracer = createTracer({
    samplingRate: spans === undefined ? "" : "1",
    hasExporter: spans !== undefined,
    random: platform.random,
    ...(spans !== undefined && { record: createSpanRecorder(clock, spans) }),
  });
  const beginSpan = spans === undefined ? undefined : tracer.below;
  const accept = createAccept({
    app,
    access,
    ...(beginSpan !== undefined && { tracing: { appId, begin: beginSpan } }),
  });
  const connect = platform.connectHttp2!;
  const pool = createGrpcPool({ connect, clock, maxReceiveBytes: limit, maxSendBytes: limit });
  const peers = createPeers(pool);
  const resolver = options.resolver ?? {
    async resolve({ appId: wanted }: { readonly appId: string }) {
      const address = options.peers?.[wanted];
      if (address === undefined) throw new Error(`couldn't find service: ${wanted}`);
      return address;
    },
    forget() {},
  };
  const neighbour = (wanted: string): InvokeSidecar | undefined =>
    options.neighbours?.().find((sidecar) => sidecar.appId === wanted);
  const self = { appId, namespace, trustDomain: "public" };
  const resiliency = await createPolicyProvider(options.resiliencies ?? [], {
    clock,
    random: platform.random,
    log: silent,
    meter: options.resiliencyMeter ?? unmetered,
  });
  const policies = invokePolicies(resiliency, limit, () => undefined);
  const invoke = createInvoke({
    self,
    host: { address: "10.1.2.3", name: "box" },
    clock,
    app,
    sidecars: { find: (wanted) => neighbour(wanted)?.accept },
    resolver,
    peers,
    policies,
  });
  const proxyPorts = {
    self,
    app: () => {
      if (grpcApp === undefined) throw new Error("the app does not speak gRPC");
      return grpcApp;
    },
    access,
    sidecars: { find: (wanted: string) => neighbour(wanted)?.proxy },
    resolver,
    peers,
    clock,
    policy: proxyPolicy(resiliency),
    ...(beginSpan !== undefined && { beginSpan }),
  };
  const limits = { maxReceiveBytes: limit, maxSendBytes: limit };
  const api = createHttpApi({
    routes: [],
    clock,
    tracer,
    fallback: invokeHttp(invoke, { clock, random: platform.random, maxMessageBytes: options.bodyLimit ?? limit }),
    bodyLimit: options.bodyLimit ?? limit,
  });
  const place = { host: "127.0.0.1", port: 0 };
  const http = await platform.serveHttp!({ ...place, maxMessageBytes: options.bodyLimit ?? limit }, api);
  const grpc = await platform.serveHttp2!(
    place,
    createGrpcServer({
      parts: [invokeGrpc(invoke)],
      interceptors: spans === undefined ? [] : [createGrpcTracing({ tracer, appId })],
      unknown: createGrpcProxy(proxyPorts, "api"),
      limits,
      clock,
    }),
  );
  const internal = await platform.serveHttp2!(
    place,
    createGrpcServer({
      parts: [invokePeer(accept)],
      raw: invokePeerStream(accept, limit),
      unknown: createGrpcProxy(proxyPorts, "peer"),
      limits,
      clock,
    }),
  );
  return {
    appId,
    httpPort: http.port,
    grpcPort: grpc.port,
    peerAddress: `127.0.0.1:${internal.port}`,
    invoke,
    accept,
    proxy: createProxyAccept(proxyPorts),
    async close() {
      await Promise.all([http.close(100), grpc.close(100), internal.close(100)]);
      httpApp?.close();
      await grpcApp?.close();
      await pool.close();
    },
  };
}
