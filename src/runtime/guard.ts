import type { Category, Contracts } from "../driver/define.ts";
import type { StateBulkItem, StateStore } from "../driver/state.ts";
import type { ComponentResource } from "../host/component.ts";
import { aroundMethods } from "../kit/around.ts";
import type { Clock } from "../kit/clock.ts";
import { inParallel } from "../kit/parallel.ts";
import type { PolicyProvider } from "../resiliency/provider.ts";
import { underPolicy } from "./guard-policy.ts";

/** Takes one operation of a component for the metrics; milliseconds. */
export type OperationMeter = (
  category: Category,
  component: string,
  operation: string,
  succeeded: boolean,
  elapsedMs: number,
) => void;

/** Operations by the names that upstream's metrics give them (`pkg/diagnostics/component_monitoring.go`). */
const operations: Readonly<Partial<Record<Category, Readonly<Record<string, string>>>>> = {
  state: {
    get: "get",
    set: "set",
    delete: "delete",
    bulkGet: "bulk_get",
    bulkSet: "set",
    bulkDelete: "bulk_delete",
    transact: "transaction",
    transactWith: "transaction",
    query: "query",
  },
  secretstores: { get: "get", bulkGet: "bulk_get" },
};

/**
 * A store with all bulk methods; those it lacks do one key after the other, all at once.
 * compat: a bulk counts once in the metrics, also where the store knows only single keys (pkg/components/state/bulk.go).
 */
function withBulks(store: StateStore): StateStore {
  const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
  const fate = (work: Promise<void>): Promise<Error | null> => work.then(() => null, asError);
  const lacking: Partial<StateStore> = {
    ...(store.bulkGet === undefined && {
      bulkGet: (requests, parallelism, signal) =>
        inParallel(requests, parallelism, (asked) =>
          store.get(asked, signal).then(
            (item): StateBulkItem => ({ key: asked.key, item }),
            (error: unknown) => ({ key: asked.key, item: null, error: asError(error).message }),
          ),
        ),
    }),
    ...(store.bulkSet === undefined && {
      bulkSet: (requests, signal) => Promise.all(requests.map((request) => fate(store.set(request, signal)))),
    }),
    ...(store.bulkDelete === undefined && {
      bulkDelete: (requests, signal) => Promise.all(requests.map((request) => fate(store.delete(request, signal)))),
    }),
  };
  return Object.assign(Object.create(store) as StateStore, lacking);
}

/** True for the answer of a bulk in which an item failed, by which the whole counts as failed. */
function someFailed(result: unknown): boolean {
  return Array.isArray(result) && result.some((each) => each instanceof Error);
}

/** Puts policies around the operations of an instance that they apply to, and the component metrics around every one. */
export function createGuard(clock: Clock, meter: OperationMeter, resiliency?: Pick<PolicyProvider, "outbound">) {
  return <C extends Category>(category: C, resource: ComponentResource, plain: Contracts[C]): Contracts[C] => {
    const instance = resiliency === undefined ? plain : underPolicy(category, resource.name, plain, resiliency);
    const names = operations[category];
    if (names === undefined) return instance;
    const whole = category === "state" ? (withBulks(instance as StateStore) as Contracts[C]) : instance;
    const methods = Object.keys(names) as (keyof Contracts[C] & string)[];
    return aroundMethods(whole, methods, (method, run) => {
      const started = clock.monotonic();
      const took = (succeeded: boolean): void =>
        meter(category, resource.name, names[method] ?? method, succeeded, clock.monotonic() - started);
      return run().then(
        (result) => {
          took(!someFailed(result));
          return result;
        },
        (error: unknown) => {
          took(false);
          throw error;
        },
      );
    });
  };
}
