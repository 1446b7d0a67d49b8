import { type OpenSidecar, openSidecar, type SidecarAddresses, type SidecarControl } from "./open-sidecar.ts";
import type { Shared } from "./shared.ts";
import type { SidecarSettings } from "./sidecar.ts";

/** One life of a sidecar, from its opening to its closing; a restart ends it and begins another. */
export interface Generation {
  /** Resolves when it serves its app, rejects when it cannot; resolves also when it was closed before. */
  readonly ready: Promise<void>;
  /** undefined until its listeners are open. */
  readonly opened: OpenSidecar | undefined;
  /** Closes it, also while it opens, once. After `cutMs` open requests are cut; without, they are waited for. */
  close(cutMs?: number): Promise<void>;
}

export interface GenerationControl extends Omit<SidecarControl, "signal"> {
  /** The listeners are open. */
  listening(addresses: SidecarAddresses): void;
}

/** Opens a sidecar. */
export function startGeneration(shared: Shared, settings: SidecarSettings, control: GenerationControl): Generation {
  const { clock } = shared.platform;
  const { log } = settings;
  const stopping = new AbortController();
  const { signal } = stopping;
  let opened: OpenSidecar | undefined;
  let closing: Promise<void> | undefined;

  async function open(): Promise<void> {
    const started = clock.monotonic();
    opened = await openSidecar(shared, settings, { ...control, signal });
    control.listening(opened.addresses);
    await opened.appReady();
    if (signal.aborted) return;
    log.info(`dapr initialized. Status: Running. Init Elapsed ${Math.round(clock.monotonic() - started)}ms`);
    opened.initialized();
  }

  const ready = open().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  ready.catch(() => undefined);

  async function close(cutMs: number | undefined): Promise<void> {
    stopping.abort(new Error("the sidecar is shutting down"));
    await ready.catch(() => undefined);
    await opened?.close(cutMs);
  }

  return {
    ready,
    get opened() {
      return opened;
    },
    close: (cutMs) => (closing ??= close(cutMs)),
  };
}
