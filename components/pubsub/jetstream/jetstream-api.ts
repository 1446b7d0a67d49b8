import type { MsgHdrs } from "nats.ws";
import { DriverError } from "../../../src/driver/errors.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { isUnheard, type Requests } from "./requests.ts";

/** What JetStream refuses. `code` is its own number of the reason. */
export class JetStreamError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = "JetStreamError";
    this.code = code;
  }
}

/** JetStream's numbers of some reasons. */
const refusal = { consumerNotFound: 10014, messageNotFound: 10037 } as const;

/** A consumer's settings in the server's words; times are nanoseconds. */
export interface ConsumerConfig {
  readonly durable_name?: string;
  readonly name?: string;
  readonly description?: string;
  readonly deliver_subject?: string;
  readonly deliver_group?: string;
  readonly deliver_policy?: string;
  readonly opt_start_seq?: number;
  readonly opt_start_time?: string;
  readonly ack_policy?: string;
  readonly ack_wait?: number;
  readonly max_deliver?: number;
  readonly backoff?: readonly number[];
  readonly filter_subject?: string;
  readonly replay_policy?: string;
  readonly max_ack_pending?: number;
  readonly num_replicas?: number;
  readonly mem_storage?: boolean;
  readonly inactive_threshold?: number;
}

export interface ConsumerInfo {
  readonly name: string;
  readonly config: ConsumerConfig;
  readonly delivered: { readonly stream_seq: number };
  readonly ack_floor: { readonly stream_seq: number };
}

/** Where a message is. A duplicate is an earlier message of the same id. */
export interface PublishAnswer {
  readonly stream: string;
  readonly seq: number;
  readonly duplicate?: boolean;
}

interface Answer {
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
}

/** JetStream's calls. They reject with JetStreamError when it refuses, else with DriverError. */
export interface JetStreamApi {
  /** Where a pull of this consumer is sent. */
  pullSubject(stream: string, consumer: string): string;
  /** Resolves when a stream has stored the message, or had it already; tells which. */
  publish(subject: string, data: Uint8Array, headers: MsgHdrs, signal?: AbortSignal): Promise<PublishAnswer>;
  /** The subject of a stored message; undefined when it is there no more, empty when this user may not ask. */
  subjectOf(stream: string, sequence: number, signal?: AbortSignal): Promise<string | undefined>;
  /** The stream that stores a subject. */
  streamOf(subject: string, signal?: AbortSignal): Promise<string | undefined>;
  /** When the stream was made, which tells it from a later one of its name; empty when this user may not ask. */
  streamCreated(stream: string, signal?: AbortSignal): Promise<string>;
  consumer(stream: string, name: string, signal?: AbortSignal): Promise<ConsumerInfo | undefined>;
  /** Makes a consumer, or changes the one of its name where the server allows that. */
  putConsumer(stream: string, config: ConsumerConfig, signal?: AbortSignal): Promise<ConsumerInfo>;
  deleteConsumer(stream: string, name: string, signal?: AbortSignal): Promise<void>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const pauseMs = 250;
/** A server that has just started may not listen yet. */
const publishTries = 3;
const callTries = 12;

function refusalOf({ error }: Answer): JetStreamError | undefined {
  return error && new JetStreamError(error.err_code ?? error.code, error.description ?? `error ${error.code}`);
}

export function createJetStreamApi(requests: Requests, clock: Pick<Clock, "sleep">, prefix: string): JetStreamApi {
  /** The answer, asked for again while nobody listens; undefined when that stays so. */
  async function ask(subject: string, data: Uint8Array, tries: number, headers?: MsgHdrs, signal?: AbortSignal) {
    for (let left = tries; left > 0; left--) {
      const message = await requests.send(subject, data, {
        ...(headers === undefined ? {} : { headers }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (!isUnheard(message)) return JSON.parse(decoder.decode(message.data)) as Answer;
      if (left > 1)
        await clock.sleep(pauseMs, signal).catch((cause) => {
          throw new DriverError("timeout", "JetStream had not answered when the request ended", { cause });
        });
    }
    return undefined;
  }

  async function call<T>(name: string, body: object, signal?: AbortSignal): Promise<T> {
    const data = encoder.encode(JSON.stringify(body));
    const answer = await ask(`${prefix}.${name}`, data, callTries, undefined, signal);
    if (answer === undefined)
      throw new DriverError(
        "unavailable",
        `JetStream does not answer at "${prefix}": enable it on the NATS server, or check domain and apiPrefix`,
      );
    const refused = refusalOf(answer);
    if (refused !== undefined) throw refused;
    return answer as T;
  }

  return {
    pullSubject: (stream, consumer) => `${prefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    async publish(subject, data, headers, signal) {
      const answer = await ask(subject, data, publishTries, headers, signal);
      // compat: the words of upstream's client
      if (answer === undefined) throw new DriverError("failed", "nats: no response from stream");
      const refused = refusalOf(answer);
      if (refused !== undefined) throw refused;
      return answer as Answer & PublishAnswer;
    },
    async subjectOf(stream, seq, signal) {
      try {
        const { message } = await call<{ message: { subject: string } }>(`STREAM.MSG.GET.${stream}`, { seq }, signal);
        return message.subject;
      } catch (error) {
        if (error instanceof JetStreamError && error.code === refusal.messageNotFound) return undefined;
        if (DriverError.is(error) && error.kind === "unauthorized") return "";
        throw error;
      }
    },
    async streamOf(subject, signal) {
      const { streams } = await call<{ streams?: readonly string[] | null }>("STREAM.NAMES", { subject }, signal);
      return streams?.[0];
    },
    async streamCreated(stream, signal) {
      try {
        const { created } = await call<{ created: string }>(`STREAM.INFO.${stream}`, {}, signal);
        return created;
      } catch (error) {
        if (DriverError.is(error) && error.kind === "unauthorized") return "";
        throw error;
      }
    },
    async consumer(stream, name, signal) {
      try {
        return await call<ConsumerInfo>(`CONSUMER.INFO.${stream}.${name}`, {}, signal);
      } catch (error) {
        if (error instanceof JetStreamError && error.code === refusal.consumerNotFound) return undefined;
        throw error;
      }
    },
    putConsumer(stream, config, signal) {
      const { durable_name: durable } = config;
      const name = durable === undefined ? `CONSUMER.CREATE.${stream}` : `CONSUMER.DURABLE.CREATE.${stream}.${durable}`;
      return call<ConsumerInfo>(name, { stream_name: stream, config }, signal);
    },
    async deleteConsumer(stream, name, signal) {
      await call(`CONSUMER.DELETE.${stream}.${name}`, {}, signal);
    },
  };
}
