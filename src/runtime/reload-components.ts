import { type Component, componentLogName } from "../config/resource/component.ts";
import type { ComponentResource } from "../host/component.ts";
import type { Components } from "../host/components.ts";
import { categoryOf } from "../host/open.ts";
import { isTruthy } from "../kit/truthy.ts";
import type { Log } from "../telemetry/ports.ts";
import { differenceOf, isSameResource } from "./reload-difference.ts";

export interface ComponentReloadPorts {
  readonly components: Pick<Components, "apply" | "unload" | "has" | "isCurrent" | "list">;
  /** Those that the sidecar was started with. */
  readonly initial: readonly Component[];
  /** Changes the components that files gave. */
  change(found: readonly Component[]): Promise<readonly ComponentResource[]>;
  isDenied(component: Component): boolean;
  readonly log: Log;
}

const slotKey = "actorstatestore";

/** Whether a component asks for the place of the actor state store: the key counts, because its value may come from a secret. */
function wantsActorSlot({ type, metadata }: Component): boolean {
  return categoryOf(type) === "state" && metadata.some(({ name }) => name.toLowerCase() === slotKey);
}

/** Brings the components of a running sidecar to what is wanted; rejects when one fails that may not. */
export function createComponentReload(ports: ComponentReloadPorts): (wanted: readonly Component[]) => Promise<void> {
  const { components, log } = ports;
  const inUse = new Map(ports.initial.filter(({ name }) => components.has(name)).map((one) => [one.name, one]));
  /** Kept out by the deny list, as they were when that was logged. */
  const refused = new Map<string, Component>();
  /** Wants the place of the actor state store, which another one has. */
  let aside: Component | undefined;

  function actorStore(): string | undefined {
    return components.list().find(({ category, properties }) => {
      if (category !== "state") return false;
      return [...properties].some(([key, value]) => key.toLowerCase() === slotKey && isTruthy(value));
    })?.name;
  }

  async function remove(name: string): Promise<void> {
    inUse.delete(name);
    await components.unload(name);
  }

  async function update(component: Component, resource: ComponentResource): Promise<void> {
    const { name } = component;
    const entity = componentLogName(component);
    const holder = actorStore();
    if (holder !== undefined && holder !== name && wantsActorSlot(component)) {
      aside = component;
      log.error(
        `Skipping hot reload of ${entity}: ${holder} is already the actor state store, only one actor state store is allowed. The component will be applied if ${holder} is removed`,
      );
      return;
    }
    if (aside?.name === name) aside = undefined;
    const old = inUse.get(name);
    if (old !== undefined) {
      log.info(`Closing existing Component to reload: ${componentLogName(old)}`);
      await remove(name);
    }
    if (ports.isDenied(component)) {
      refused.set(name, component);
      log.warn(`Received unauthorized component update, ignored: ${entity}`);
      return;
    }
    refused.delete(name);
    log.info(`Adding Component for processing: ${entity}`);
    if (!(await components.apply(resource))) return;
    inUse.set(name, component);
    log.info(`Component updated: ${entity}`);
  }

  /** Secret stores first, because the others may need them; then the others, those for the one place of the actor store in turn. */
  async function updateAll(group: readonly Component[], resources: ReadonlyMap<string, ComponentResource>) {
    const apply = (one: Component) => update(one, resources.get(one.name) ?? one);
    const isStore = ({ type }: Component): boolean => categoryOf(type) === "secretstores";
    await Promise.all(group.filter(isStore).map(apply));
    await Promise.all(group.filter((one) => !isStore(one) && !wantsActorSlot(one)).map(apply));
    for (const one of group.filter(wantsActorSlot)) await apply(one);
  }

  async function resourcesOf(wanted: readonly Component[]): Promise<ReadonlyMap<string, ComponentResource>> {
    return new Map((await ports.change(wanted)).map((resource) => [resource.name, resource]));
  }

  /** The place may be free again. */
  async function applyAside(): Promise<void> {
    if (aside === undefined || actorStore() !== undefined) return;
    const component = aside;
    aside = undefined;
    log.info(`Applying previously skipped actor state store: ${componentLogName(component)}`);
    await updateAll([component], await resourcesOf([component]));
  }

  /** The components of which a secret has changed. */
  async function outdated(wanted: readonly Component[]): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    for (const one of wanted) {
      if (one.metadata.every(({ secretKeyRef }) => secretKeyRef === undefined)) continue;
      if (inUse.has(one.name) && !(await components.isCurrent(one.name))) names.add(one.name);
    }
    return names;
  }

  return async (wanted) => {
    const known = wanted.filter((one) => {
      const before = refused.get(one.name);
      return before === undefined || !isSameResource(before, one);
    });
    for (const name of refused.keys()) if (!wanted.some((one) => one.name === name)) refused.delete(name);
    if (aside !== undefined) {
      const [still] = wanted.filter((one) => one.name === aside?.name);
      if (still === undefined) aside = undefined;
      // The same again says nothing new.
      else if (isSameResource(aside, still)) aside = still;
    }
    const found = differenceOf([...inUse.values()], known);
    const stale = await outdated(known);
    const isNews = (one: Component): boolean => one !== aside;
    const updated = [
      ...found.updated,
      ...known.filter(({ name }) => stale.has(name) && !found.updated.some((one) => one.name === name)),
    ].filter(isNews);
    const created = found.created.filter(isNews);
    await Promise.all(found.deleted.map(({ name }) => remove(name)));
    if (updated.length + created.length > 0) {
      const resources = await resourcesOf(wanted);
      await updateAll(updated, resources);
      await updateAll(created, resources);
    }
    await applyAside();
  };
}
