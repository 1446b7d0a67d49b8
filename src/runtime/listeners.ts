import type { Listener } from "../platform/types.ts";

/** The open listeners of one sidecar. */
export interface Listeners {
  /** Adds the addresses of one server and answers the first of them. */
  add(kind: "http" | "grpc" | "metrics", listeners: readonly Listener[]): Listener;
  /** Refuses new connections at once; open calls are waited for, at most `cutMs`, those of HTTP at most 10 s. Closes once. */
  close(cutMs?: number): Promise<void>;
}

/** compat: how long pkg/api/http/server.go waits; its gRPC servers wait until the grace period ends. */
const httpDrainMs = 10_000;

/** An empty set of listeners. */
export function createListeners(): Listeners {
  const open: { readonly listener: Listener; readonly mostMs: number | undefined }[] = [];
  let closing: Promise<unknown> | undefined;
  return {
    add(kind, listeners) {
      const mostMs = { http: httpDrainMs, grpc: undefined, metrics: 0 }[kind];
      for (const listener of listeners) open.push({ listener, mostMs });
      const [first] = listeners;
      if (first === undefined) throw new Error("no listener was opened");
      return first;
    },
    async close(cutMs) {
      closing ??= Promise.all(
        open.map(({ listener, mostMs }) =>
          listener.close(mostMs === undefined ? cutMs : Math.min(mostMs, cutMs ?? mostMs)),
        ),
      );
      await closing;
    },
  };
}
