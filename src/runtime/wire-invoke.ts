import { lazyStreams } from "../api/grpc/lazy.ts";
import type { GrpcPart } from "../api/grpc/part.ts";
import type { RawHandler } from "../api/grpc/raw.ts";
import type { Fallback } from "../api/http/route.ts";
import { createAccept } from "../blocks/invoke/accept.ts";
import { createHttpTarget } from "../blocks/invoke/app-http.ts";
import type { ProxyAccept, ProxyPorts, RawTarget } from "../blocks/invoke/grpc-proxy.ts";
import { invokeHttp } from "../blocks/invoke/http.ts";
import { createInvoke } from "../blocks/invoke/invoke.ts";
import { createConcurrencyLimit } from "../channel/app/concurrency-limit.ts";
import type { AppMiddleware } from "../channel/app/http-app.ts";
import { createHttpOrigins } from "../channel/app/http-origins.ts";
import type { Peers } from "../channel/peer/peers.ts";
import { createPeerResolver } from "../channel/peer/resolve.ts";
import type { AccessControl } from "../config/configuration.ts";
import type { Resources } from "../config/load.ts";
import type { Options } from "../config/options.ts";
import type { Components } from "../host/components.ts";
import type { InvocationTarget } from "../kit/invocation.ts";
import type { StreamHandler } from "../platform/types.ts";
import type { PolicyProvider } from "../resiliency/provider.ts";
import { createAccessRules } from "../security/access-rules.ts";
import { createAccessMetrics } from "../telemetry/access-metrics.ts";
import { createInvokeMetrics } from "../telemetry/invoke-metrics.ts";
import type { Log } from "../telemetry/ports.ts";
import { type App, isHttpApp } from "./app.ts";
import type { AppMeter } from "./app-meter.ts";
import { createHttpEndpoints } from "./http-endpoints.ts";
import { invokePolicies, proxyPolicy } from "./invoke-policies.ts";
import { maxMessageBytes } from "./listen.ts";
import type { LocalSidecar } from "./local-sidecars.ts";
import type { NameResolution } from "./name-resolution.ts";
import { receivedProxiedCalls } from "./proxied-calls.ts";
import type { Shared } from "./shared.ts";
import type { Telemetry } from "./telemetry.ts";

/** The side of a sidecar that others of its process call without a hop. */
export interface LocalAccept {
  readonly invoke: InvocationTarget;
  readonly proxy: ProxyAccept;
}

export interface WiredInvoke {
  readonly fallback: Fallback;
  /** RPCs and the proxy for foreign services; loaded with gRPC. */
  grpc(): Promise<{ readonly part: GrpcPart; readonly unknown: RawHandler }>;
  /** The handler of the peer listener, loaded with its first stream. */
  readonly peer: StreamHandler;
  readonly accept: LocalAccept;
  close(): Promise<void>;
}

export interface InvokeWiring {
  readonly shared: Shared;
  readonly options: Options;
  readonly resources: Pick<Resources, "httpEndpoints" | "configuration">;
  readonly resiliency: PolicyProvider;
  readonly telemetry: Telemetry;
  readonly app: App;
  readonly names: NameResolution;
  /** Where others reach this host. */
  readonly host: string;
  readonly components: Pick<Components, "find">;
  /** Around the calls of services outside, as of an app that speaks HTTP. */
  readonly appPipeline: AppMiddleware | undefined;
  readonly meter: AppMeter | undefined;
  readonly log: Log;
}

const defaultTrustDomain = "public";

/** Port of peers whose resolver knows names only. */
const peerPort = 50_002;

/** Joins invocation to the app, to the sidecars of this process and to those of others. */
export function wireInvoke(wiring: InvokeWiring): WiredInvoke {
  const { shared, options, resources, resiliency, telemetry, app, names, components, log } = wiring;
  const { platform } = shared;
  const { clock } = platform;
  const { accessControl } = resources.configuration;
  const trustDomain = accessControl?.trustDomain ?? defaultTrustDomain;
  const self = { appId: options.appId, namespace: options.currentNamespace, trustDomain };
  const access = createAccessRules(accessControl, {
    isHttp: isHttpApp(options.app.protocol),
    meter: createAccessMetrics(telemetry.registry),
  });
  warnOfUnproven(accessControl, log);
  const limits = { maxReceiveBytes: options.maxBodySize, maxSendBytes: options.maxBodySize };
  const meter = createInvokeMetrics(telemetry.registry, telemetry.latencyBuckets);
  const resolver = createPeerResolver({
    resolvers: names.resolvers,
    clock,
    random: platform.random,
    port: options.internalGrpcPort || peerPort,
  });

  const loaded = loadOnce(async () => {
    const [{ createGrpcPool }, { createPeers }] = await Promise.all([
      import("../channel/grpc/pool.ts"),
      import("../channel/peer/peers.ts"),
    ]);
    if (platform.connectHttp2 === undefined) throw new Error(`the ${platform.name} runtime cannot call other sidecars`);
    const pool = createGrpcPool({ connect: platform.connectHttp2, clock, idleMs: options.peerMaxIdleMs, ...limits });
    return { pool, peers: createPeers(pool) };
  });
  let ready: Peers | undefined;
  const peers: Pick<Peers, "invoke"> = {
    invoke(peer, request, call) {
      if (ready !== undefined) return ready.invoke(peer, request, call);
      return loaded.get().then((made) => {
        ready = made.peers;
        return ready.invoke(peer, request, call);
      });
    },
  };

  const accept = createAccept({
    app: () => app.target,
    access,
    meter,
    tracing: { appId: options.appId, begin: telemetry.tracer.below },
  });
  const proxyPorts = async (): Promise<ProxyPorts> => {
    const { peers: target } = await loaded.get();
    return {
      self,
      app: (): RawTarget => app.raw(),
      access,
      sidecars: { find: (appId, namespace) => acceptOf(shared.sidecars.find(appId, namespace))?.proxy },
      resolver,
      peers: target,
      meter,
      clock,
      policy: proxyPolicy(resiliency),
      beginSpan: telemetry.tracer.below,
    };
  };
  const proxy = loadOnce(async () => {
    const [{ createGrpcProxy, createProxyAccept }, ports] = await Promise.all([
      import("../blocks/invoke/grpc-proxy.ts"),
      proxyPorts(),
    ]);
    return {
      api: createGrpcProxy(ports, "api"),
      peer: createGrpcProxy(ports, "peer"),
      accept: createProxyAccept(ports),
    };
  });

  const around = {
    ...(wiring.appPipeline === undefined ? {} : { pipeline: [wiring.appPipeline] }),
    meter: wiring.meter?.http,
  };
  const { maxConcurrency } = options.app;
  const origins = createHttpOrigins(platform, { limit: createConcurrencyLimit(maxConcurrency), ...around });
  const endpoints = createHttpEndpoints({
    platform,
    endpoints: resources.httpEndpoints,
    secretStore: (name) => components.find("secretstores", name)?.instance,
    log,
    maxConcurrency,
    ...around,
  });
  const baseUrls = new Map(resources.httpEndpoints.map(({ name, baseUrl }) => [name, baseUrl]));
  const invoke = createInvoke({
    self,
    host: { address: wiring.host, name: platform.process?.hostname ?? "" },
    clock,
    app: () => app.target,
    sidecars: { find: (appId, namespace) => acceptOf(shared.sidecars.find(appId, namespace))?.invoke },
    resolver,
    peers,
    meter,
    external: (id) => (/^https?:\/\//.test(id) ? createHttpTarget(origins.at(id), id) : endpoints.find(id)),
    policies: invokePolicies(resiliency, options.maxBodySize, (id) => baseUrls.get(id)),
  });
  return {
    fallback: invokeHttp(invoke, { clock, random: platform.random, maxMessageBytes: maxMessageBytes(options) }),
    async grpc() {
      const [{ invokeGrpc }, { api }] = await Promise.all([import("../blocks/invoke/grpc.ts"), proxy.get()]);
      return { part: invokeGrpc(invoke), unknown: api };
    },
    peer: lazyStreams(async () => {
      const [{ createGrpcServer }, { invokePeer, invokePeerStream }, { peer: unknown }] = await Promise.all([
        import("../api/grpc/server.ts"),
        import("../blocks/invoke/peer.ts"),
        proxy.get(),
      ]);
      return createGrpcServer({
        parts: [invokePeer(accept)],
        raw: invokePeerStream(accept, limits.maxReceiveBytes),
        unknown,
        limits,
        clock,
        interceptors: wiring.meter === undefined ? [] : [receivedProxiedCalls(wiring.meter, clock)],
      });
    }),
    accept: {
      invoke: accept,
      proxy: { accept: async (call, caller) => (await proxy.get()).accept.accept(call, caller) },
    },
    async close() {
      origins.close();
      endpoints.close();
      await (await loaded.made())?.pool.close();
    },
  };
}

/** Policies name callers, and without mTLS only those of this process are known. */
function warnOfUnproven(control: AccessControl | null, log: Log): void {
  if (control === null || control.policies.length === 0) return;
  log.warn(
    `access control: without mTLS nothing proves who calls from another process: such calls get the defaultAction, ${control.defaultAction}; policies are for callers in this process`,
  );
}

function acceptOf(sidecar: LocalSidecar<LocalAccept> | undefined): LocalAccept | undefined {
  return sidecar?.accept;
}

/** Makes something when it is first asked for; a failure is not kept. */
function loadOnce<T>(load: () => Promise<T>): { get(): Promise<T>; made(): Promise<T | undefined> } {
  let loading: Promise<T> | undefined;
  return {
    get() {
      loading ??= load().catch((error: unknown) => {
        loading = undefined;
        throw error;
      });
      return loading;
    },
    made: async () => loading,
  };
}
