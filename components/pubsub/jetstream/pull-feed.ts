import type { Clock } from "../../../src/kit/clock.ts";
import type { NatsLink, NatsMessage } from "./nats-link.ts";

/** Where the messages of a subscription come from. */
export interface Feed {
  /** There may be room: fetches what fits. */
  fill(): void;
  /** Fetches no more, and hands over what the server had already sent. */
  close(): Promise<void>;
}

export interface PullFeedPorts {
  readonly link: NatsLink;
  readonly clock: Pick<Clock, "after">;
  /** Where pulls are sent. */
  readonly subject: string;
  /** The longest silence of the server while a pull waits, in milliseconds. */
  readonly heartbeatMs: number;
  /** How many messages fit. Less than one: none. */
  room(): number;
  deliver(message: NatsMessage): void;
  /** The consumer may be gone. It is pulled from no more; whoever finds it again makes a new feed. */
  lost(reason: string): void;
}

const pauseMs = 500;

/** Asks for as many messages as there is room for, one question at a time; while there are none the question waits at the server. */
export class PullFeed implements Feed {
  readonly #ports: PullFeedPorts;
  readonly #inbox: string;
  readonly #unsubscribe: () => Promise<void>;
  readonly #forget: () => void;
  #question = 0;
  /** Messages that the open question may still bring. */
  #expected = 0;
  #isOver = false;
  /** The most that this consumer lets us ask for at once. */
  #most = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;

  constructor(ports: PullFeedPorts) {
    this.#ports = ports;
    this.#inbox = ports.link.newInbox();
    this.#unsubscribe = ports.link.subscribe(`${this.#inbox}.*`, (message) => this.#receive(message));
    this.#forget = ports.link.onUp(() => this.#again(0));
  }

  fill(): void {
    const { link, subject, heartbeatMs } = this.#ports;
    if (this.#isOver || this.#expected > 0 || !link.isUp) return;
    const batch = Math.min(this.#ports.room(), this.#most);
    if (batch < 1) return;
    this.#expected = batch;
    this.#question += 1;
    const body = { batch, expires: Math.max(30_000, heartbeatMs * 3) * 1e6, idle_heartbeat: heartbeatMs * 1e6 };
    link.publish(subject, new TextEncoder().encode(JSON.stringify(body)), {
      reply: `${this.#inbox}.${this.#question}`,
    });
    this.#watch();
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#unsubscribe();
  }

  #stop(): void {
    this.#isOver = true;
    this.#cancelTimer?.();
    this.#forget();
  }

  /** A server that is silent although it has to show itself may have lost the consumer. */
  #watch(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#ports.clock.after(this.#ports.heartbeatMs * 2.5, () => {
      if (this.#ports.link.isUp) this.#lose("the server was silent");
    });
  }

  #lose(reason: string): void {
    if (this.#isOver) return;
    this.#stop();
    void this.#unsubscribe();
    this.#ports.lost(reason);
  }

  /** Forgets the open question and asks anew. */
  #again(waitMs: number): void {
    if (this.#isOver) return;
    this.#expected = 0;
    this.#cancelTimer?.();
    if (waitMs === 0) this.fill();
    else this.#cancelTimer = this.#ports.clock.after(waitMs, () => this.fill());
  }

  #receive(message: NatsMessage): void {
    const { headers, subject } = message;
    const code = headers?.code ?? 0;
    if (code === 0) {
      if (!this.#isOver) {
        if (this.#expected > 0) this.#expected -= 1;
        if (this.#expected > 0) this.#watch();
        else this.#cancelTimer?.();
      }
      this.#ports.deliver(message);
      this.fill();
      return;
    }
    // What became of an earlier question does not matter any more.
    if (this.#isOver || subject !== `${this.#inbox}.${this.#question}`) return;
    if (code === 100) this.#watch();
    else this.#end(code, headers?.description ?? "");
  }

  #end(code: number, reason: string): void {
    if (code === 503 || /consumer deleted|consumer is push|bad request/i.test(reason)) {
      this.#lose(reason || "nobody answers for the consumer");
      return;
    }
    const limit = /maxrequestbatch of (\d+)/i.exec(reason)?.[1];
    if (limit !== undefined) this.#most = Math.max(1, Number(limit));
    const isUsual = code === 404 || code === 408 || limit !== undefined || /batch completed/i.test(reason);
    this.#again(isUsual ? 0 : pauseMs);
  }
}
