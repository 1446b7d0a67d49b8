import type { HeldDelivery } from "../blocks/pubsub/deliveries.ts";
import type { Companion } from "../driver/companion.ts";
import type { PreparedPublish } from "../driver/pubsub.ts";
import { fail } from "../errors/error.ts";
import type { Step, Storage } from "../storage/storage.ts";

/** The inbox has the event: its effect is there already, and nothing was done again. */
export class KnownEvent extends Error {
  constructor(id: string) {
    super(`event ${id} has had its effect`);
    this.name = "KnownEvent";
  }
}

/**
 * What is committed together with one state transaction: the acknowledgement of a delivery, and publishes. `unmet` makes a KnownEvent
 * of an event that the inbox has: then nothing is written, and the delivery may be acknowledged.
 */
export class JointCommit implements Companion {
  readonly storage: Storage;
  readonly steps: Step[] = [];
  readonly #storeName: string;
  readonly #delivery: HeldDelivery | undefined;
  readonly #publishes: PreparedPublish[] = [];
  /** The first steps are those of the acknowledgement. */
  readonly #acknowledging: number;

  /** `storage`: database of the store. */
  constructor(storeName: string, storage: Storage, delivery: HeldDelivery | undefined) {
    this.#storeName = storeName;
    this.storage = storage;
    this.#delivery = delivery;
    delivery?.embedded?.acknowledge(delivery.identity, this.steps);
    this.#acknowledging = this.steps.length;
  }

  add(publish: PreparedPublish): void {
    this.#publishes.push(publish);
    for (const step of publish.steps) this.steps.push(step);
  }

  unmet(step: number): Error {
    const delivery = this.#delivery;
    if (delivery === undefined || step >= this.#acknowledging)
      return new Error(`step ${step} of the transaction found something else than it expected`);
    if (delivery.embedded?.fault(step) === "known") return new KnownEvent(delivery.identity.id);
    const reason = delivery.isCommitted
      ? "a transaction has committed it already"
      : "it was taken over by another process; the event is delivered there";
    return fail("stateDeliveryGone", { store: this.#storeName, delivery: delivery.id, reason });
  }

  submitted(): void {
    for (const publish of this.#publishes) publish.submitted();
  }

  /** The transaction is on disk. */
  written(): void {
    for (const publish of this.#publishes) publish.written();
    if (this.#delivery === undefined) return;
    this.#delivery.isCommitted = true;
    this.#delivery.embedded?.acknowledged();
  }
}
