import type { PreparedPublish } from "../../../src/driver/pubsub.ts";
import type { Step, StepResult } from "../../../src/storage/storage.ts";
import type { Consumer } from "./consumer.ts";
import { messageRow } from "./message-row.ts";
import type { Recent } from "./recent.ts";
import { delayStep, lastNumberStep, numberedPublishStep, publishSteps, type StoredMessage } from "./statements.ts";

/** A message to be published, without its topic. */
export interface HubMessage {
  readonly data: Uint8Array;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Of a dead letter: name of the topic and of the group that it comes from. */
  readonly origin?: { readonly topic: string; readonly group: string };
}

export interface PublicationPorts {
  readonly recent: Recent;
  now(): number;
  /** The subscriptions of this process on the topic. */
  consumers(topic: number): readonly Consumer[];
  /** Another subscription of the topic is the first one from now on. */
  takeTurns(topic: number): void;
  /** Something is on disk; `hasDelayed`: a part of it is for later. */
  written(topic: number, hasDelayed: boolean): void;
}

/** A publish whose steps the caller writes. Made for every message that is published, so its state is fields and not closures. */
export class Publication implements PreparedPublish {
  readonly steps: Step[] = [];
  readonly #ports: PublicationPorts;
  readonly #topic: number;
  /** What subscribers get at once. */
  readonly #rows: StoredMessage[] = [];
  readonly #hasDelayed: boolean;
  readonly #isAwaited: boolean;
  /** Subscriptions that could not claim what was being written. */
  #late: Consumer[] | undefined;

  /** `origin`: number of the topic that dead letters come from. Throws DriverError for metadata that cannot be read. */
  constructor(ports: PublicationPorts, topic: number, messages: readonly HubMessage[], origin?: number) {
    this.#ports = ports;
    this.#topic = topic;
    const { steps } = this;
    const rows = this.#rows;
    const now = ports.now();
    for (const message of messages) {
      const { row, dueAt } = messageRow(topic, message, now);
      if (dueAt !== undefined) steps.push(delayStep(row, dueAt));
      else if (origin === undefined) rows.push(row);
      else rows.push({ ...row, origin: { topic: origin, group: message.origin?.group ?? "" } });
    }
    this.#hasDelayed = steps.length > 0;
    const [first] = rows;
    this.#isAwaited = first !== undefined && ports.consumers(topic).length > 0;
    if (this.#isAwaited && rows.length === 1 && first !== undefined) steps.push(numberedPublishStep(first));
    else for (const step of publishSteps(rows)) steps.push(step);
    if (this.#isAwaited && rows.length > 1) steps.push(lastNumberStep);
  }

  /** In the same turn as the write, so that the claim shares the commit of what it takes. */
  submitted(): void {
    if (this.#rows.length === 0) return;
    const consumers = this.#ports.consumers(this.#topic);
    for (const consumer of consumers) if (!consumer.expect()) (this.#late ??= []).push(consumer);
    // The first one of a group gets what there is.
    if (consumers.length > 1) this.#ports.takeTurns(this.#topic);
  }

  /** With what the steps gave, subscribers here need not read the messages. */
  numbered(results: readonly StepResult[]): void {
    if (!this.#isAwaited) return;
    const last = results.at(-1)?.rows[0]?.["seq"];
    if (last === undefined) return;
    let seq = Number(last) - this.#rows.length;
    const consumers = this.#ports.consumers(this.#topic);
    for (const row of this.#rows) {
      seq += 1;
      if (consumers.some((consumer) => consumer.isNear(seq))) this.#ports.recent.put(seq, row);
    }
  }

  written(): void {
    if (this.#late !== undefined) for (const consumer of this.#late) consumer.pump();
    this.#ports.written(this.#topic, this.#hasDelayed);
  }
}
