import type { EmbeddedDelivery, EventIdentity, IncomingMessage } from "../../driver/pubsub.ts";
import type { Random } from "../../kit/random.ts";
import type { CloudEvent } from "./model.ts";

/** An event while it is in the app. */
export interface HeldDelivery {
  /** What the app is told, and tells when it wants the acknowledgement committed with something else. */
  readonly id: string;
  readonly pubsubName: string;
  readonly identity: EventIdentity;
  /** Absent: the broker cannot share a transaction. */
  readonly embedded: EmbeddedDelivery | undefined;
  /** It was acknowledged by a transaction: what the app answers has no meaning any more. */
  isCommitted: boolean;
}

/** The events that are in the app of one sidecar. */
export interface Deliveries {
  hold(message: IncomingMessage, event: CloudEvent | undefined, pubsubName: string): HeldDelivery;
  release(delivery: HeldDelivery): void;
  find(id: string): HeldDelivery | undefined;
}

/** Header and metadata under which the app is told the id of a delivery. */
export const deliveryIdName = "dapr-delivery-id";

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** What tells the event from others; a payload without an envelope goes by the broker's number of its message. */
export function identityOf(message: IncomingMessage, event: CloudEvent | undefined): EventIdentity {
  const id = textOf(event?.["id"]);
  return id === "" ? { source: "", id: message.id ?? "" } : { source: textOf(event?.["source"]), id };
}

/** Keeps the deliveries of one sidecar. Ids are never used twice, not even by another process. */
export function createDeliveries(random: Random): Deliveries {
  const held = new Map<string, HeldDelivery>();
  let prefix: string | undefined;
  let count = 0;
  return {
    hold(message, event, pubsubName) {
      prefix ??= random.uuid();
      const id = `${prefix}-${String(count++).padStart(8, "0")}`;
      const { embedded } = message;
      const delivery = { id, pubsubName, identity: identityOf(message, event), embedded, isCommitted: false };
      held.set(id, delivery);
      return delivery;
    },
    release: ({ id }) => void held.delete(id),
    find: (id) => held.get(id),
  };
}
