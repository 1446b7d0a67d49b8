import { ConfigError } from "../config/config-error.ts";
import type { ResourceSource } from "../config/disk-source.ts";
import type { Options } from "../config/options.ts";
import type { Component } from "../config/resource/component.ts";
import type { ComponentResource } from "../host/component.ts";
import type { Log } from "../telemetry/ports.ts";
import { type Generation, startGeneration } from "./generation.ts";
import { inDirectory } from "./in-directory.ts";
import { createLifecycle } from "./lifecycle.ts";
import type { SidecarAddresses } from "./open-sidecar.ts";
import { withPatientListeners } from "./patient-listeners.ts";
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
  /** Resolves when all listeners are open; rejects when the start failed. A restart keeps the addresses. */
  readonly listening: Promise<SidecarAddresses>;
  /** Resolves when the sidecar serves its app for the first time. */
  readonly ready: Promise<void>;
  /** The exit code, when all is closed. */
  readonly ended: Promise<number>;
  /** As a signal would: waits out the blocking period. */
  stop(): Promise<number>;
  shutdown(code?: number): Promise<number>;
  /**
   * Closes everything and opens it anew, from the files as they are now; the app and other sidecars of the process are left alone.
   * Answers false, with the reason in the log, when that is not possible: then nothing has changed.
   */
  restart(): Promise<boolean>;
  /** Adds to the `extended` part of the metadata API. */
  describe(key: string, value: string): void;
}

/** How long a restart waits for addresses that its predecessor held. */
const patienceMs = 5000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The options that open a sidecar where it was before. */
function atAddresses(options: Options, at: SidecarAddresses): Options {
  return {
    ...options,
    httpPort: at.httpPort || options.httpPort,
    grpcPort: at.grpcPort || options.grpcPort,
    internalGrpcPort: at.internalPort,
    metrics: { ...options.metrics, port: at.metricsPort || options.metrics.port },
  };
}

/** Starts a sidecar. Never throws: a failed start is logged, and `ended` tells the exit code 1. */
export function startSidecar(node: Shared, settings: SidecarSettings): Sidecar {
  const { options, log, source, workingDirectory } = settings;
  const shared = workingDirectory === undefined ? node : inDirectory(node, workingDirectory);
  const { clock } = shared.platform;
  const graceMs = options.gracefulShutdownSeconds * 1000;
  const listening = Promise.withResolvers<SidecarAddresses>();
  const ready = Promise.withResolvers<void>();
  listening.promise.catch(() => undefined);
  ready.promise.catch(() => undefined);
  const extended = new Map(Object.entries(settings.extended ?? {}));
  let addresses: SidecarAddresses | undefined;
  let isEnding = false;
  /** The restart under way, and the one that begins after it. */
  let restarting: Promise<unknown> = Promise.resolve();
  let waiting: Promise<boolean> | undefined;

  const lifecycle = createLifecycle({
    clock,
    log,
    graceMs,
    blockMs: options.blockShutdownMs,
    holdEvents: async () => generation.opened?.holdEvents(),
    appUnhealthy: async () => generation.opened?.appUnhealthy(),
    async close() {
      isEnding = true;
      log.info("Dapr is shutting down");
      await generation.close();
      // A restart under way ends itself when it sees that there is nothing to open any more.
      await restarting;
      listening.reject(new Error("the sidecar has been stopped"));
      ready.reject(new Error("the sidecar has been stopped"));
      log.info("Dapr runtime stopped");
    },
  });

  function fail(error: unknown): void {
    log.fatal(ConfigError.is(error) ? error.sentence : `Fatal error from runtime: ${messageOf(error)}`);
    listening.reject(error);
    ready.reject(error);
    void lifecycle.shutdown(1);
  }

  function begin(from: Shared, opened: Options): Generation {
    const started = startGeneration(
      from,
      { ...settings, options: opened },
      {
        extended,
        shutdown: () => void lifecycle.shutdown(),
        kill: (code) => lifecycle.kill(code),
        restart,
        fail,
        listening(at) {
          addresses = at;
          listening.resolve(at);
        },
      },
    );
    started.ready.then(() => {
      if (!isEnding && started === generation) ready.resolve();
    }, fail);
    return started;
  }

  async function turnOver(): Promise<boolean> {
    try {
      await source.list();
    } catch (error) {
      // What is wrong with resources, the opening says. A configuration that cannot be read is no reason to stop serving.
      if (ConfigError.is(error)) {
        log.error(`not restarting, the configuration in use stays: ${error.message}`);
        return false;
      }
    }
    if (isEnding) return false;
    log.info("Dapr is restarting");
    const closed = generation.close(graceMs).catch((error: unknown) => {
      log.error(`error while closing for a restart: ${messageOf(error)}`);
    });
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(graceMs + patienceMs, () => {
      log.error("closing for a restart takes too long, opening beside what is still closing");
      late.resolve();
    });
    await Promise.race([closed, late.promise]);
    cancel();
    if (isEnding) return false;
    const patient = { ...shared, platform: withPatientListeners(shared.platform, patienceMs) };
    generation = begin(patient, addresses === undefined ? options : atAddresses(options, addresses));
    return true;
  }

  function restart(): Promise<boolean> {
    if (isEnding) return Promise.resolve(false);
    if (waiting === undefined) {
      waiting = restarting.then(() => {
        waiting = undefined;
        return isEnding ? false : turnOver();
      });
      restarting = waiting;
    }
    return waiting;
  }

  let generation = begin(shared, options);

  return {
    appId: options.appId,
    listening: listening.promise,
    ready: ready.promise,
    ended: lifecycle.ended,
    stop: lifecycle.stop,
    shutdown: lifecycle.shutdown,
    restart,
    describe: (key, value) => void extended.set(key, value),
  };
}
