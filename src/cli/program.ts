import type { Catalog } from "../driver/define.ts";
import type { Platform } from "../platform/types.ts";
import type { askSocket } from "../runtime/ask-socket.ts";
import type { serveComponent } from "../runtime/component-server.ts";
import type { defaultComponents } from "../runtime/default-components.ts";
import type { localServers, onEmbeddedEngine } from "../runtime/local-components.ts";
import type { createNode } from "../runtime/node.ts";
import type { openBroker } from "../runtime/open-broker.ts";

/** Components on the embedded engine: the default ones, and those in place of a server of this machine. */
export interface EmbeddedComponents {
  readonly defaultComponents: typeof defaultComponents;
  readonly localServers: typeof localServers;
  readonly onEmbeddedEngine: typeof onEmbeddedEngine;
}

/** What the command line works with. The entry gives it; commands take from it what they need. */
export interface Program {
  readonly platform: Platform;
  readonly catalog: Catalog;
  /** Version of Pillion. */
  readonly version: string;
  /** Release of upstream whose wire is spoken; what APIs report as runtime version. */
  readonly wireVersion: string;
  /** The command that starts this program again, without arguments. */
  readonly self: readonly string[];
  /** Makes the node that serves sidecars; loaded when a command needs it. */
  readonly createNode: () => Promise<typeof createNode>;
  readonly embeddedComponents: () => Promise<EmbeddedComponents>;
  /** Opens the embedded broker of a file. */
  readonly openBroker: () => Promise<typeof openBroker>;
  /** Calls a sidecar over its unix socket. */
  readonly askSocket: () => Promise<typeof askSocket>;
  /** Serves a driver as a pluggable component. */
  readonly serveComponent: () => Promise<typeof serveComponent>;
}
