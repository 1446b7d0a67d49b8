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
  /** Something is on disk; `hasDelayed`: a part of it is for later. */
  written(topic: number, hasDelayed: boolean): void;
}

/** A publish whose steps the caller writes; with what the steps gave, subscribers here need not read the messages. */
export interface Publication extends PreparedPublish {
  numbered(results: readonly StepResult[]): void;
}

/** The steps that publish messages. Throws DriverError for metadata that cannot be read. */
export function createPublication(
  ports: PublicationPorts,
  topic: number,
  messages: readonly HubMessage[],
  origin?: number,
): Publication {
  const now = ports.now();
  const rows: StoredMessage[] = [];
  const delayed: Step[] = [];
  for (const message of messages) {
    const { row, dueAt } = messageRow(topic, message, now);
    if (dueAt !== undefined) delayed.push(delayStep(row, dueAt));
    else if (origin === undefined) rows.push(row);
    else rows.push({ ...row, origin: { topic: origin, group: message.origin?.group ?? "" } });
  }
  const isAwaited = rows.length > 0 && ports.consumers(topic).length > 0;
  const steps = [...delayed];
  const [first] = rows;
  if (isAwaited && rows.length === 1 && first !== undefined) steps.push(numberedPublishStep(first));
  else steps.push(...publishSteps(rows));
  if (isAwaited && rows.length > 1) steps.push(lastNumberStep);
  const late: Consumer[] = [];
  return {
    steps,
    // In the same turn as the write, so that the claim shares the commit of what it takes.
    submitted() {
      if (rows.length === 0) return;
      for (const consumer of ports.consumers(topic)) if (!consumer.expect()) late.push(consumer);
    },
    numbered(results) {
      const last = results.at(-1)?.rows[0]?.["seq"];
      if (!isAwaited || last === undefined) return;
      let seq = Number(last) - rows.length;
      const consumers = ports.consumers(topic);
      for (const row of rows) {
        seq += 1;
        if (consumers.some((consumer) => consumer.isNear(seq))) ports.recent.put(seq, row);
      }
    },
    written() {
      for (const consumer of late) consumer.pump();
      ports.written(topic, delayed.length > 0);
    },
  };
}
