import type { Category, Contracts } from "../driver/define.ts";
import { DriverError, type DriverErrorKind } from "../driver/errors.ts";
import type { BulkEntry, PublishMessage, PublishWire, PubSub } from "../driver/pubsub.ts";
import type { StateDelete, StateSet, StateStore } from "../driver/state.ts";
import { httpStatusFromGrpc } from "../errors/http-status.ts";
import type { Policy, PolicyUse } from "../kit/policy.ts";
import type { PolicyProvider } from "../resiliency/provider.ts";
import type { ComponentKind } from "../resiliency/target.ts";

const kinds: Readonly<Partial<Record<Category, ComponentKind>>> = {
  state: "Statestore",
  secretstores: "Secretstore",
  pubsub: "Pubsub",
  bindings: "Binding",
};
/** Operations that succeed or fail as a whole. The last argument of each is its signal. */
const wholes: Readonly<Partial<Record<Category, readonly string[]>>> = {
  state: ["get", "set", "delete", "bulkGet", "transact", "transactWith", "query"],
  secretstores: ["get", "bulkGet"],
  pubsub: ["publish"],
  bindings: ["invoke"],
};

/** What fails the same way however often it is tried. */
const permanent: ReadonlySet<DriverErrorKind> = new Set([
  "etagMismatch",
  "etagInvalid",
  "badRequest",
  "badMetadata",
  "notFound",
  "unsupported",
  "tooLarge",
  "closed",
]);

function isPermanent(error: unknown): boolean {
  return DriverError.is(error) && permanent.has(error.kind);
}

/** Some items of a bulk failed; their errors are with the items. */
class ItemsFailed extends Error {
  readonly isRepeatable: boolean;
  constructor(isRepeatable: boolean) {
    super("some items of the bulk failed");
    this.isRepeatable = isRepeatable;
  }
}

const driverUse: PolicyUse<unknown> = {
  judge: (error) => (isPermanent(error) || (error instanceof ItemsFailed && !error.isRepeatable) ? "stop" : undefined),
};

/** compat: pkg/runtime/pubsub/publish_resiliency.go looks up a broker's failure among the codes of the publisher's API. */
function publishUse(wire: PublishWire | undefined): PolicyUse<unknown> {
  return {
    judge(error) {
      if (!DriverError.is(error) || error.code === undefined) return driverUse.judge?.(error);
      return wire === "http" ? httpStatusFromGrpc(error.code) : error.code;
    },
  };
}

/** Puts the outbound policy of a component around its operations; the same instance where none applies. */
export function underPolicy<C extends Category>(
  category: C,
  name: string,
  instance: Contracts[C],
  resiliency: Pick<PolicyProvider, "outbound">,
): Contracts[C] {
  const kind = kinds[category];
  const policy = kind === undefined ? undefined : resiliency.outbound(name, kind);
  if (policy === undefined) return instance;
  const plain = instance as unknown as Readonly<Record<string, unknown>>;
  const guarded: Record<string, unknown> = Object.create(instance) as Record<string, unknown>;
  for (const method of wholes[category] ?? []) {
    const operation = plain[method];
    if (typeof operation === "function")
      guarded[method] = whole(
        policy,
        instance,
        operation as Operation,
        category === "pubsub" ? useOfMessage : plainUse,
      );
  }
  // The policy itself waits and repeats, and has to stop when the caller goes.
  if (category === "state")
    Object.assign(guarded, { ignoresSignal: false }, stateBulks(policy, instance as StateStore));
  if (category === "pubsub") Object.assign(guarded, { ignoresSignal: false }, publishBulk(policy, instance as PubSub));
  return guarded as unknown as Contracts[C];
}

type Operation = (...args: unknown[]) => Promise<unknown>;

const plainUse = (): PolicyUse<unknown> => driverUse;
const useOfMessage = (message: unknown): PolicyUse<unknown> => publishUse((message as PublishMessage).wire);

function whole(
  policy: Policy,
  instance: unknown,
  operation: Operation,
  useOf: (request: unknown) => PolicyUse<unknown>,
): Operation {
  return (...args) => {
    const given = args.slice(0, -1);
    return policy.run(
      (signal) => operation.apply(instance, [...given, signal]),
      args.at(-1) as AbortSignal,
      useOf(given[0]),
    );
  };
}

function stateBulks(policy: Policy, store: StateStore): Partial<Pick<StateStore, "bulkSet" | "bulkDelete">> {
  const { bulkSet, bulkDelete } = store;
  const around =
    <R>(operation: (requests: readonly R[], signal: AbortSignal) => Promise<readonly (Error | null)[]>) =>
    (requests: readonly R[], signal: AbortSignal) =>
      eachItem(policy, requests, signal, (some, attempt) => operation.call(store, some, attempt));
  return {
    ...(bulkSet && { bulkSet: around<StateSet>(bulkSet) }),
    ...(bulkDelete && { bulkDelete: around<StateDelete>(bulkDelete) }),
  };
}

function publishBulk(policy: Policy, broker: PubSub): Partial<Pick<PubSub, "bulkPublish">> {
  const { bulkPublish } = broker;
  if (bulkPublish === undefined) return {};
  return {
    async bulkPublish(topic, entries, metadata, signal) {
      const publish = async (some: readonly BulkEntry[], attempt: AbortSignal) => {
        const failed = await bulkPublish.call(broker, topic, some, metadata, attempt);
        const errors = new Map(failed.map(({ entryId, error }) => [entryId, error]));
        return some.map(({ entryId }) => errors.get(entryId) ?? null);
      };
      const outcome = await eachItem(policy, entries, signal, publish, publishUse(entries[0]?.wire));
      return entries.flatMap(({ entryId }, at) => {
        const error = outcome[at] ?? null;
        return error === null ? [] : [{ entryId, error }];
      });
    },
  };
}

/** Repeats a bulk for those of its items that failed and may succeed. Rejects only when no item got an answer of its own. */
async function eachItem<R>(
  policy: Policy,
  requests: readonly R[],
  signal: AbortSignal,
  operation: (requests: readonly R[], signal: AbortSignal) => Promise<readonly (Error | null)[]>,
  use: PolicyUse<unknown> = driverUse,
): Promise<readonly (Error | null)[]> {
  const outcome = new Array<Error | null>(requests.length).fill(null);
  let open = requests.map((_, at) => at);
  let isAnswered = false;
  const attempt = async (limited: AbortSignal): Promise<void> => {
    const asked = open;
    const answers = await operation(
      asked.map((at) => requests[at] as R),
      limited,
    );
    if (limited.aborted) throw limited.reason;
    isAnswered = true;
    for (const [index, at] of asked.entries()) outcome[at] = answers[index] ?? null;
    const failed = asked.filter((at) => outcome[at] !== null);
    open = failed.filter((at) => !isPermanent(outcome[at]));
    if (failed.length > 0) throw new ItemsFailed(open.length > 0);
  };
  try {
    await policy.run(attempt, signal, use);
  } catch (error) {
    if (error instanceof ItemsFailed) return outcome;
    if (!isAnswered) throw error;
    for (const at of open) outcome[at] = error instanceof Error ? error : new Error(String(error));
  }
  return outcome;
}
