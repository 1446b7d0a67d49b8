import type { NatsLink } from "./nats-link.ts";

const empty = new Uint8Array();
const encoder = new TextEncoder();
const ackBytes = encoder.encode("+ACK");

/** How many handled messages are remembered, to recognise one that comes again although it was acknowledged. */
const remembered = 8192;

/**
 * Acknowledgements. One that may be lost with a connection is sent again over the next; a message whose acknowledgement
 * the server did not keep is recognised when it comes again.
 */
export class Acks {
  readonly #link: NatsLink;
  /** Subjects of acknowledgements that the server may not have got. */
  readonly #unconfirmed = new Set<string>();
  readonly #settled = new Set<string>();
  readonly #forget: () => void;
  #isFlushing = false;

  constructor(link: NatsLink) {
    this.#link = link;
    this.#forget = link.onUp(() => this.#repeat());
  }

  /** Whether this very message was handled, by the place that the stream gave it. */
  isSettled(key: string): boolean {
    return this.#settled.has(key);
  }

  /** Remembers a handled message. */
  settle(key: string): void {
    this.#settled.add(key);
    if (this.#settled.size > remembered) this.#settled.delete(this.#settled.values().next().value as string);
  }

  forgetSettled(): void {
    this.#settled.clear();
  }

  ack(reply: string): void {
    this.#unconfirmed.add(reply);
    if (!this.#link.isUp) return;
    this.#link.publish(reply, ackBytes);
    void this.#confirm();
  }

  /** Gives a message back; it comes again after the wait. */
  nak(reply: string, delayMs: number): void {
    if (!this.#link.isUp) return;
    const words = delayMs > 0 ? `-NAK {"delay":${Math.round(delayMs * 1e6)}}` : "-NAK";
    this.#link.publish(reply, encoder.encode(words));
  }

  /** Answers a message of the server's flow control. */
  answer(reply: string): void {
    if (this.#link.isUp) this.#link.publish(reply, empty);
  }

  /** Resolves when the server has all acknowledgements, or cannot be reached. */
  async close(): Promise<void> {
    this.#forget();
    if (this.#link.isUp) await this.#link.flush().catch(() => undefined);
  }

  #repeat(): void {
    for (const reply of this.#unconfirmed) this.#link.publish(reply, ackBytes);
    void this.#confirm();
  }

  async #confirm(): Promise<void> {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      while (this.#unconfirmed.size > 0 && this.#link.isUp) {
        const sent = [...this.#unconfirmed];
        await this.#link.flush();
        for (const reply of sent) this.#unconfirmed.delete(reply);
      }
    } catch {
      // The connection is lost: they are sent again with the next.
    } finally {
      this.#isFlushing = false;
    }
  }
}
