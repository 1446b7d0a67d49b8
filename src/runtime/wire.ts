import { createSecrets, type Secrets } from "../blocks/secrets/secrets.ts";
import type { EncryptionKey } from "../blocks/state/encrypt.ts";
import { openStateStore } from "../blocks/state/open-store.ts";
import type { Accompaniment, OpenStateStore } from "../blocks/state/ports.ts";
import { createState, type State } from "../blocks/state/state.ts";
import type { Configuration } from "../config/configuration.ts";
import type { LoadedComponent } from "../host/component.ts";
import type { Components } from "../host/components.ts";
import type { Random } from "../kit/random.ts";

/** Metadata of a component by key without regard to case; undefined when absent. */
export function propertyOf(component: LoadedComponent, key: string): string | undefined {
  const wanted = key.toLowerCase();
  for (const [name, value] of component.properties) if (name.toLowerCase() === wanted) return value;
  return undefined;
}

/** The key of automatic encryption that a metadata item gives, named after its secret; undefined when there is no such item. */
function encryptionKey(component: LoadedComponent, name: string): EncryptionKey | undefined {
  const item = component.resource.metadata.find((candidate) => candidate.name === name);
  if (item === undefined) return undefined;
  const hex = component.properties.get(name) ?? "";
  if (hex === "") throw new Error(`failed to extract encryption key: the secret of "${name}" is missing or empty`);
  return { name: item.secretKeyRef?.name ?? "", hex };
}

/** The open state stores of a sidecar, and the block on them. */
export interface WiredState {
  readonly state: State;
  find(name: string): OpenStateStore | undefined;
  /** Settles prefix and encryption of a store that was just loaded. */
  loaded(component: LoadedComponent<"state">): Promise<void>;
}

/** Joins the state block to the component table. */
export function wireState(
  components: Components,
  app: { appId: string; namespace: string; random: Random },
  accompaniment: Accompaniment,
): WiredState {
  const open = new Map<string, OpenStateStore>();
  const find = (name: string): OpenStateStore | undefined =>
    components.find("state", name) === undefined ? undefined : open.get(name);
  return {
    find,
    state: createState({
      appId: app.appId,
      accompaniment,
      stores: { find, any: () => components.list().some((component) => component.category === "state") },
    }),
    async loaded(component) {
      const primary = encryptionKey(component, "primaryEncryptionKey");
      const secondary = encryptionKey(component, "secondaryEncryptionKey");
      const keyPrefix = propertyOf(component, "keyPrefix");
      const settings = {
        name: component.name,
        store: component.instance,
        ...(keyPrefix !== undefined && { keyPrefix }),
        ...(primary !== undefined && { encryption: { primary, ...(secondary !== undefined && { secondary }) } }),
      };
      open.set(component.name, await openStateStore(settings, app));
    },
  };
}

/** Joins the secrets block to the component table and the scopes of the configuration. */
export function wireSecrets(components: Components, configuration: Configuration): Secrets {
  const scopes = new Map(configuration.secretScopes.map((scope) => [scope.storeName, scope]));
  return createSecrets({
    stores: {
      find: (name) => components.find("secretstores", name)?.instance,
      any: () => components.list().some((component) => component.category === "secretstores"),
    },
    scope: (name) => scopes.get(name),
  });
}
