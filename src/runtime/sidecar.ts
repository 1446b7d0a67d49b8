import type { ResourceSource } from "../config/disk-source.ts";
import type { Options } from "../config/options.ts";
import type { Component } from "../config/resource/component.ts";
import type { ComponentResource } from "../host/component.ts";
import type { Log } from "../telemetry/ports.ts";
import { inDirectory } from "./in-directory.ts";
import { createLifecycle } from "./lifecycle.ts";
import { type OpenSidecar, openSidecar, type SidecarAddresses } from "./open-sidecar.ts";
import type { Shared } from "./shared.ts";

/** What one sidecar is started with. */
export interface SidecarSettings {
  readonly options: Options;
  readonly source: ResourceSource;
  readonly log: Log;
  /** Changes the components that files gave: defaults where there are none, stand-ins for absent servers. */
  readonly components?: (found: readonly Component[]) => Promise<readonly ComponentResource[]>;
  /** More lines of `extended` in the metadata API. */
  readonly extended?: Readonly<Record<string, string>>;
  /** Folder to which relative paths in components refer; the folder of the process when absent. Absolute. */
  readonly workingDirectory?: string;
}

/** A sidecar that was started. It may still be waiting for its app. */
export interface Sidecar {
  readonly appId: string;
  /** Resolves when all listeners are open; rejects when the start failed. */
  readonly listening: Promise<SidecarAddresses>;
  /** Resolves when the sidecar serves its app. */
  readonly ready: Promise<void>;
  /** The exit code, when all is closed. */
  readonly ended: Promise<number>;
  /** As a signal would: waits out the blocking period. */
  stop(): Promise<number>;
  shutdown(code?: number): Promise<number>;
  /** Adds to the `extended` part of the metadata API. */
  describe(key: string, value: string): void;
}

/** Starts a sidecar. Never throws: a failed start is logged, and `ended` tells the exit code 1. */
export function startSidecar(node: Shared, settings: SidecarSettings): Sidecar {
  const { options, log, workingDirectory } = settings;
  const shared = workingDirectory === undefined ? node : inDirectory(node, workingDirectory);
  const { clock } = shared.platform;
  const listening = Promise.withResolvers<SidecarAddresses>();
  const ready = Promise.withResolvers<void>();
  listening.promise.catch(() => undefined);
  ready.promise.catch(() => undefined);
  const stopping = new AbortController();
  const extended = new Map(Object.entries(settings.extended ?? {}));
  let opened: OpenSidecar | undefined;

  const lifecycle = createLifecycle({
    clock,
    log,
    graceMs: options.gracefulShutdownSeconds * 1000,
    blockMs: options.blockShutdownMs,
    holdEvents: async () => opened?.holdEvents(),
    appUnhealthy: async () => (opened === undefined ? undefined : opened.appUnhealthy()),
    async close() {
      log.info("Dapr is shutting down");
      stopping.abort(new Error("the sidecar is shutting down"));
      await opening.catch(() => undefined);
      await opened?.close();
      log.info("Dapr runtime stopped");
    },
  });

  async function open(): Promise<void> {
    const started = clock.monotonic();
    opened = await openSidecar(shared, settings, {
      signal: stopping.signal,
      extended,
      shutdown: () => void lifecycle.shutdown(),
      kill: (code) => lifecycle.kill(code),
    });
    listening.resolve(opened.addresses);
    await opened.appReady();
    if (stopping.signal.aborted) return;
    log.info(`dapr initialized. Status: Running. Init Elapsed ${Math.round(clock.monotonic() - started)}ms`);
    opened.initialized();
    ready.resolve();
  }

  const opening = open();
  opening.catch((error: unknown) => {
    if (!stopping.signal.aborted)
      log.fatal(`Fatal error from runtime: ${error instanceof Error ? error.message : String(error)}`);
    listening.reject(error);
    ready.reject(error);
    void lifecycle.shutdown(stopping.signal.aborted ? 0 : 1);
  });

  return {
    appId: options.appId,
    listening: listening.promise,
    ready: ready.promise,
    ended: lifecycle.ended,
    stop: lifecycle.stop,
    shutdown: lifecycle.shutdown,
    describe: (key, value) => void extended.set(key, value),
  };
}
