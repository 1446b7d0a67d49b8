import { secretsHttp } from "../blocks/secrets/http.ts";
import { stateHttp } from "../blocks/state/http.ts";
import type { Resources } from "../config/load.ts";
import type { Options } from "../config/options.ts";
import type { LoadedComponent } from "../host/component.ts";
import type { Components } from "../host/components.ts";
import type { StreamHandler } from "../platform/types.ts";
import type { Log } from "../telemetry/ports.ts";
import type { Faces } from "./apis.ts";
import type { SidecarControl } from "./open-sidecar.ts";
import type { Readiness } from "./readiness.ts";
import type { Shared } from "./shared.ts";
import type { Telemetry } from "./telemetry.ts";
import { wireSecrets, wireState } from "./wire.ts";

export interface BlocksPorts {
  readonly shared: Shared;
  readonly options: Options;
  readonly resources: Resources;
  readonly components: Components;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly log: Log;
  readonly control: SidecarControl;
}

/** The blocks of one sidecar, joined to each other and to its components. */
export interface Blocks {
  readonly faces: Faces;
  readonly peer: StreamHandler;
  /** A component is ready: blocks take it up. Throws when its settings do not fit a block. */
  loaded(component: LoadedComponent): Promise<void>;
  /** All components are there. */
  open(): Promise<void>;
  /** All listeners are open. */
  announce(at: { readonly host: string; readonly internalPort: number; readonly httpPort: number }): Promise<void>;
  appReady(signal: AbortSignal): Promise<void>;
  holdEvents(): Promise<void>;
  appUnhealthy(): Promise<void>;
  close(): Promise<void>;
}

/** Makes every block and joins them. */
export function createBlocks(ports: BlocksPorts): Blocks {
  const { shared, options, resources, components, log } = ports;
  const app = { appId: options.appId, namespace: options.currentNamespace, random: shared.platform.random };
  const state = wireState(components, app);
  const secrets = wireSecrets(components, resources.configuration);
  return {
    faces: {
      routes: [...stateHttp(state.state), ...secretsHttp(secrets)],
      grpc: async () => {
        const { blockParts } = await import("./grpc-faces.ts");
        return { parts: blockParts({ state: state.state, secrets }) };
      },
      health: { isServing: () => true, watch: () => () => undefined },
    },
    peer: () => undefined,
    async loaded(component) {
      if (component.category === "state") await state.loaded(component as LoadedComponent<"state">);
    },
    async open() {
      for (const { storeName } of resources.configuration.secretScopes) {
        if (components.find("secretstores", storeName) === undefined) {
          log.warn(`Secrets configuration added for '${storeName}', but no matching secret store was found`);
        }
      }
    },
    announce: async () => undefined,
    appReady: async () => undefined,
    holdEvents: async () => undefined,
    appUnhealthy: () => new Promise(() => undefined),
    close: async () => undefined,
  };
}
