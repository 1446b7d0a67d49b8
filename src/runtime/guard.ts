import type { Category, Contracts } from "../driver/define.ts";
import type { ComponentResource } from "../host/component.ts";
import { aroundMethods } from "../kit/around.ts";
import type { Clock } from "../kit/clock.ts";
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

/** Puts policies around the operations of an instance that they apply to, and the component metrics around every one. */
export function createGuard(clock: Clock, meter: OperationMeter, resiliency?: Pick<PolicyProvider, "outbound">) {
  return <C extends Category>(category: C, resource: ComponentResource, plain: Contracts[C]): Contracts[C] => {
    const instance = resiliency === undefined ? plain : underPolicy(category, resource.name, plain, resiliency);
    const names = operations[category];
    if (names === undefined) return instance;
    const methods = Object.keys(names) as (keyof Contracts[C] & string)[];
    return aroundMethods(instance, methods, (method, run) => {
      const started = clock.monotonic();
      const took = (succeeded: boolean): void =>
        meter(category, resource.name, names[method] ?? method, succeeded, clock.monotonic() - started);
      return run().then(
        (result) => {
          took(true);
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
