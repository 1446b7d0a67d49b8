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

const digits = 8;

/** The number behind `start`, in the one way in which an id has it; -1 for anything else. */
function numberAt(id: string, start: number): number {
  const length = id.length - start;
  if (length < digits || length > 15 || (length > digits && id.charCodeAt(start) === 48)) return -1;
  let number = 0;
  for (let at = start; at < id.length; at++) {
    const digit = id.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** An app may hold thousands: texts that can be made from something else are not kept. */
class Delivery implements HeldDelivery {
  readonly #prefix: string;
  readonly number: number;
  readonly #message: IncomingMessage;
  readonly #event: CloudEvent | undefined;
  readonly pubsubName: string;
  isCommitted = false;

  constructor(prefix: string, number: number, message: IncomingMessage, event: CloudEvent | undefined, name: string) {
    this.#prefix = prefix;
    this.number = number;
    this.#message = message;
    this.#event = event;
    this.pubsubName = name;
  }

  get id(): string {
    return this.#prefix + String(this.number).padStart(digits, "0");
  }
  get identity(): EventIdentity {
    return identityOf(this.#message, this.#event);
  }
  get embedded(): EmbeddedDelivery | undefined {
    return this.#message.embedded;
  }
}

/** Keeps the deliveries of one sidecar. Ids are never used twice, not even by another process. */
export function createDeliveries(random: Random): Deliveries {
  const held = new Map<number, Delivery>();
  let prefix = "";
  let count = 0;
  return {
    hold(message, event, pubsubName) {
      if (prefix === "") prefix = `${random.uuid()}-`;
      const delivery = new Delivery(prefix, count++, message, event, pubsubName);
      held.set(delivery.number, delivery);
      return delivery;
    },
    release: (delivery) => void held.delete((delivery as Delivery).number),
    find: (id) => (id.startsWith(prefix) ? held.get(numberAt(id, prefix.length)) : undefined),
  };
}
