import type { DriverLog } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { type ConsumerConfig, type ConsumerInfo, type JetStreamApi, JetStreamError } from "./jetstream-api.ts";
import type { JetStreamSettings } from "./settings.ts";

export interface ConsumerRequest {
  readonly api: JetStreamApi;
  readonly settings: JetStreamSettings;
  readonly log: Pick<DriverLog, "info">;
  readonly stream: string;
  readonly topic: string;
  /** Where a consumer that has to be made anew takes over: the number of a message. */
  readonly from?: number | undefined;
}

/** How long a consumer without a name of its own outlives us. */
const inactiveMs = 5 * 60_000;
const nanoseconds = (ms: number): number => Math.round(ms * 1e6);
/** Tells a consumer that began where another ended. */
const resumed = "resumed";

const hints: readonly (readonly [RegExp, string])[] = [
  [/start sequence/i, "deliverPolicy and startSequence"],
  [/start time/i, "deliverPolicy and startTime"],
  [/backoff/i, "maxDeliver and backOff"],
  [/ack pending/i, "maxAckPending"],
  [/ack wait/i, "ackWait"],
  [/replica/i, "replicas"],
  [/filter|subject/i, "streamName and the topic"],
  [/memory|storage|resources/i, "memoryStorage"],
];

/** Runs a call of JetStream; a refusal becomes a DriverError that names the fields it may come from. */
export async function toldAs<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    if (!(cause instanceof JetStreamError)) throw cause;
    const fields = hints.find(([pattern]) => pattern.test(cause.message))?.[1];
    const hint = fields === undefined ? "" : `, check ${fields}`;
    throw new DriverError("failed", `${what} failed: ${cause.message}${hint}`, { cause });
  }
}

/** What the component says and the server lets us change later. */
function changeable(settings: JetStreamSettings): ConsumerConfig {
  const { ackWait, maxDeliver, backOff, maxAckPending, replicas } = settings;
  return {
    ...(ackWait === undefined ? {} : { ack_wait: nanoseconds(ackWait) }),
    ...(maxDeliver === 0 ? {} : { max_deliver: maxDeliver }),
    ...(backOff.length === 0 ? {} : { backoff: backOff.map(nanoseconds) }),
    ...(maxAckPending === 0 ? {} : { max_ack_pending: maxAckPending }),
    ...(replicas === 0 ? {} : { num_replicas: replicas }),
  };
}

function configOf({ settings, topic, from }: ConsumerRequest, durable: string | undefined): ConsumerConfig {
  const { startSequence, startTime, deliverPolicy, ackPolicy, memoryStorage } = settings;
  const start =
    from === undefined
      ? {
          deliver_policy: deliverPolicy,
          ...(startSequence === 0 ? {} : { opt_start_seq: startSequence }),
          ...(startTime === undefined ? {} : { opt_start_time: new Date(startTime * 1000).toISOString() }),
        }
      : { deliver_policy: "by_start_sequence", opt_start_seq: from, description: resumed };
  return {
    ...start,
    ...(durable === undefined ? { inactive_threshold: nanoseconds(inactiveMs) } : { durable_name: durable }),
    ack_policy: ackPolicy,
    replay_policy: "instant",
    filter_subject: topic,
    ...(memoryStorage ? { mem_storage: true } : {}),
    ...changeable(settings),
  };
}

/** Refuses a consumer that cannot become what the component says. */
function checkFixed({ settings, stream }: ConsumerRequest, { name, config }: ConsumerInfo): void {
  const differs = (field: string, has: unknown, wants: unknown): never => {
    throw new DriverError(
      "failed",
      `consumer "${name}" of stream "${stream}" exists with ${field} "${String(has)}", the component says "${String(wants)}": change ${field}, or delete the consumer`,
    );
  };
  if (config.ack_policy !== settings.ackPolicy) differs("ackPolicy", config.ack_policy, settings.ackPolicy);
  if (!settings.saysDeliverPolicy || config.description === resumed) return;
  if (config.deliver_policy !== settings.deliverPolicy)
    differs("deliverPolicy", config.deliver_policy, settings.deliverPolicy);
  if (settings.startSequence > 0 && config.opt_start_seq !== settings.startSequence)
    differs("startSequence", config.opt_start_seq ?? "", settings.startSequence);
}

async function adopt(request: ConsumerRequest, found: ConsumerInfo): Promise<ConsumerInfo> {
  checkFixed(request, found);
  // Those that the server sends messages to belong to another runtime: they stay as they are.
  if (found.config.deliver_subject !== undefined) return found;
  const wanted = Object.entries(changeable(request.settings));
  const has = found.config as Readonly<Record<string, unknown>>;
  const isSame = wanted.every(([key, value]) => JSON.stringify(has[key]) === JSON.stringify(value));
  if (isSame) return found;
  const changed = { ...found.config, ...changeable(request.settings) };
  return toldAs(`changing consumer "${found.name}"`, request.api.putConsumer(request.stream, changed));
}

/** A topic as a part of a name. */
const partOf = (topic: string): string =>
  topic.replace(/[^A-Za-z0-9-]/g, (character) => `_${character.charCodeAt(0).toString(16)}`);

/**
 * Makes the consumer of a topic, or finds the one that instances share. Where a durable name belongs to another topic,
 * the topic becomes a part of it, so that one component can have several. Rejects with DriverError.
 */
export async function setUpConsumer(request: ConsumerRequest): Promise<ConsumerInfo> {
  const { api, settings, stream, topic, log } = request;
  const shared = settings.durableName || settings.queueGroupName;
  const what = `making a consumer of topic "${topic}" on stream "${stream}"`;
  if (shared === "") return toldAs(what, api.putConsumer(stream, configOf(request, undefined)));
  for (const name of [shared, `${shared}_${partOf(topic)}`]) {
    const found = await toldAs(what, api.consumer(stream, name));
    const info = found ?? (await toldAs(what, api.putConsumer(stream, configOf(request, name))));
    if (info.config.filter_subject === topic) return found === undefined ? info : await adopt(request, found);
    if (name === shared)
      log.info(`Consumer "${shared}" of stream "${stream}" is another topic's, "${topic}" has one of its own`);
  }
  throw new DriverError("failed", `${what} failed: durableName "${shared}" is taken by consumers of other topics`);
}
