import type { HeldDelivery } from "../blocks/pubsub/deliveries.ts";
import type { Companion } from "../driver/companion.ts";
import type { PreparedPublish } from "../driver/pubsub.ts";
import { fail } from "../errors/error.ts";
import type { Storage } from "../storage/storage.ts";

/** The inbox has the event: its effect is there already, and nothing was done again. */
class KnownEvent extends Error {
  constructor(id: string) {
    super(`event ${id} has had its effect`);
    this.name = "KnownEvent";
  }
}

/** What is committed together with a state transaction. */
export interface JointParts {
  readonly storeName: string;
  /** Database of the store. */
  readonly storage: Storage;
  readonly publishes: readonly PreparedPublish[];
  readonly delivery: HeldDelivery | undefined;
}

/**
 * Runs `write` with everything else as its companion, in one commit. An event that the inbox knows counts as done: nothing is
 * written, and the delivery may be acknowledged.
 */
export async function commitJointly(
  { storeName, storage, publishes, delivery }: JointParts,
  write: (companion: Companion) => Promise<void> | undefined,
): Promise<void> {
  const acknowledgement =
    delivery?.embedded === undefined ? undefined : delivery.embedded.acknowledge(delivery.identity);
  const steps = acknowledgement === undefined ? [] : acknowledgement.steps.slice();
  for (const publish of publishes) steps.push(...publish.steps);
  try {
    await write({
      storage,
      steps,
      unmet(step) {
        if (delivery === undefined || acknowledgement === undefined || step >= acknowledgement.steps.length)
          return new Error(`step ${step} of the transaction found something else than it expected`);
        if (acknowledgement.fault(step) === "known") return new KnownEvent(delivery.identity.id);
        const reason = delivery.isCommitted
          ? "a transaction has committed it already"
          : "it was taken over by another process; the event is delivered there";
        return fail("stateDeliveryGone", { store: storeName, delivery: delivery.id, reason });
      },
      submitted() {
        for (const publish of publishes) publish.submitted();
      },
    });
  } catch (error) {
    if (error instanceof KnownEvent) return;
    throw error;
  }
  for (const publish of publishes) publish.written();
  if (delivery === undefined) return;
  delivery.isCommitted = true;
  delivery.embedded?.acknowledged();
}
