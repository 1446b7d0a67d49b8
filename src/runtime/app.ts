import { createHttpTarget } from "../blocks/invoke/app-http.ts";
import type { RawTarget } from "../blocks/invoke/grpc-proxy.ts";
import type { GrpcApp, GrpcAppOptions } from "../channel/app/grpc-app.ts";
import { type AppHealth, createAppHealth } from "../channel/app/health.ts";
import { type AppMiddleware, createHttpAppChannel, type HttpApp } from "../channel/app/http-app.ts";
import { httpProbe, type ProbeMeter } from "../channel/app/probe.ts";
import { waitForApp } from "../channel/app/wait-for-app.ts";
import type { Options } from "../config/options.ts";
import type { Clock } from "../kit/clock.ts";
import { InvocationFailure, type InvocationTarget } from "../kit/invocation.ts";
import type { Platform } from "../platform/types.ts";
import type { Log } from "../telemetry/ports.ts";
import type { AppMeter } from "./app-meter.ts";

/** The app of a sidecar: the ways into it, and whether it may be called. At most one of `http` and `grpc` is there. */
export interface App {
  readonly http?: HttpApp;
  readonly grpc?: GrpcApp;
  /** The app for invocation; undefined without an app. */
  readonly target: InvocationTarget | undefined;
  /** The app for gRPC proxying; throws when it does not speak gRPC. */
  raw(): RawTarget;
  readonly isHealthy: boolean;
  /** Waits for the app's port, then begins to probe (or counts it as healthy). `changed` runs at every change, the first success included. */
  start(changed: (isHealthy: boolean) => Promise<void>, signal: AbortSignal): Promise<void>;
  /** Resolves when a healthy app turns unhealthy; never without health checks. */
  unhealthy(): Promise<void>;
  /** Probes no more; resolves when no call of the app is under way, or after `mostMs`. */
  drain(mostMs?: number): Promise<void>;
  /** Cuts what is under way. */
  close(): void;
}

export interface AppPorts {
  readonly platform: Platform;
  readonly options: Options;
  readonly log: Log;
  /** Around the calls of an app that speaks HTTP. */
  readonly pipeline?: AppMiddleware | undefined;
  readonly meter?: AppMeter | undefined;
}

/** How often it is looked whether calls have ended, when the sidecar stops. */
const drainPollMs = 20;

/** Whether an app of the protocol speaks HTTP; every other one speaks gRPC. */
export function isHttpApp(protocol: Options["app"]["protocol"]): boolean {
  return protocol === "http" || protocol === "https" || protocol === "h2c";
}

/** Opens the ways into the app that the options name; without a port there are none. */
export async function createApp({ platform, options, log, pipeline, meter }: AppPorts): Promise<App> {
  const { app } = options;
  const isHttp = isHttpApp(app.protocol);
  const has = app.port > 0;
  // Without health checks the app counts as healthy as soon as it can be reached.
  const health: { current?: AppHealth } = {};
  const isHealthy = (): boolean => health.current?.isHealthy ?? true;
  const common = {
    platform,
    host: app.channelAddress,
    port: app.port,
    maxConcurrency: app.maxConcurrency,
    appToken: options.appToken,
    isHealthy,
  };
  const http =
    has && isHttp
      ? createHttpAppChannel({
          ...common,
          protocol: app.protocol as "http" | "https" | "h2c",
          ...(pipeline !== undefined && { pipeline: [pipeline] }),
          meter: meter?.http,
        })
      : undefined;
  const grpc =
    has && !isHttp
      ? await openGrpcApp({
          ...common,
          tls: app.protocol === "grpcs",
          maxMessageBytes: options.maxBodySize,
          meter: meter?.grpc,
        })
      : undefined;
  const scheme = app.protocol === "https" ? "https" : "http";
  const target =
    http === undefined ? grpc?.target : createHttpTarget(http, `${scheme}://${app.channelAddress}:${app.port}`);
  const turnedUnhealthy = Promise.withResolvers<void>();

  function probe(): ((signal: AbortSignal) => Promise<true | string>) | undefined {
    if (http !== undefined) return httpProbe(http, app.health.path, platform.clock, meter?.httpProbe);
    return grpc?.probe(platform.clock, meter?.grpcProbe);
  }

  return {
    ...(http !== undefined && { http }),
    ...(grpc !== undefined && { grpc: grpc.channel }),
    target,
    raw() {
      if (grpc === undefined) throw new InvocationFailure(12, "the app does not speak gRPC");
      return grpc.channel;
    },
    get isHealthy() {
      return isHealthy();
    },
    async start(changed, signal) {
      if (!has) return changed(true);
      log.info(
        `application protocol: ${app.protocol}. waiting on port ${app.port}.  This will block until the app is listening on that port.`,
      );
      await waitForApp(platform, { host: app.channelAddress, port: app.port }, signal);
      log.info(`application discovered on port ${app.port}`);
      const check = probe();
      if (!app.health.enabled || check === undefined) return changed(true);
      const { intervalMs, timeoutMs, threshold } = app.health;
      const probing = createAppHealth({
        clock: platform.clock,
        log: log.scope("dapr.apphealth"),
        intervalMs,
        timeoutMs,
        threshold,
        probe: check,
      });
      health.current = probing;
      probing.onChange((now) => {
        if (!now) turnedUnhealthy.resolve();
        void changed(now);
      });
      probing.start();
    },
    unhealthy: () => turnedUnhealthy.promise,
    async drain(mostMs = Number.POSITIVE_INFINITY) {
      health.current?.stop();
      const channel = http ?? grpc?.channel;
      const end = platform.clock.monotonic() + mostMs;
      // One call may end just before another, which waited for it, begins: only twice none is none.
      let quiet = (channel?.busy ?? 0) > 0 ? 0 : 2;
      while (quiet < 2 && platform.clock.monotonic() < end) {
        await platform.clock.sleep(drainPollMs);
        quiet = (channel?.busy ?? 0) > 0 ? 0 : quiet + 1;
      }
    },
    close() {
      health.current?.stop();
      http?.close();
      void grpc?.channel.close();
    },
  };
}

/** What gRPC needs is loaded only for apps that speak it. */
async function openGrpcApp(options: GrpcAppOptions) {
  const [{ createGrpcAppChannel }, { grpcProbe }, { createGrpcTarget }] = await Promise.all([
    import("../channel/app/grpc-app.ts"),
    import("../channel/app/grpc-probe.ts"),
    import("../blocks/invoke/app-grpc.ts"),
  ]);
  const channel = createGrpcAppChannel(options);
  return {
    channel,
    target: createGrpcTarget(channel),
    probe: (clock: Clock, meter: ProbeMeter) => grpcProbe(channel, clock, meter),
  };
}
