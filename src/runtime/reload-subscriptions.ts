import type { Subscription } from "../config/resource/subscription.ts";
import type { Log } from "../telemetry/ports.ts";
import { differenceOf, isNoDifference } from "./reload-difference.ts";

export interface SubscriptionReloadPorts {
  /** Those that the sidecar was started with. */
  readonly initial: readonly Subscription[];
  /** Replaces the declared subscriptions. */
  declare(subscriptions: readonly Subscription[]): Promise<void>;
  readonly log: Log;
}

/** Brings the declared subscriptions of a running sidecar to what is wanted; what changed stands last, as upstream lists it. */
export function createSubscriptionReload(
  ports: SubscriptionReloadPorts,
): (wanted: readonly Subscription[]) => Promise<void> {
  const { log } = ports;
  let inUse = ports.initial;
  return async (wanted) => {
    const found = differenceOf(inUse, wanted);
    if (isNoDifference(found)) return;
    const { deleted, updated, created } = found;
    const changed = new Set([...deleted, ...updated].map(({ name }) => name));
    for (const { name } of updated) log.info(`Closing existing Subscription to reload: ${name}`);
    for (const { name } of [...updated, ...created]) log.info(`Adding Subscription for processing: ${name}`);
    inUse = [...inUse.filter(({ name }) => !changed.has(name)), ...updated, ...created];
    await ports.declare(inUse);
    for (const { name } of [...updated, ...created]) log.info(`Subscription updated: ${name}`);
  };
}
