import type { MsgHdrs } from "nats.ws";
import { DriverError } from "../../../src/driver/errors.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import type { NatsLink, NatsMessage } from "./nats-link.ts";

export interface RequestOptions {
  readonly headers?: MsgHdrs;
  readonly signal?: AbortSignal;
}

/** Requests to the server; what waits for its answer when the connection is lost is sent again when there is one. */
export interface Requests {
  /** The answer; that nobody listens to the subject is one too. Rejects with DriverError "unavailable", "unauthorized", "timeout" or "closed". */
  send(subject: string, data: Uint8Array, options?: RequestOptions): Promise<NatsMessage>;
  close(): Promise<void>;
}

/** How long an answer is waited for, as upstream's client does. */
const limitMs = 5000;

/** Whether nobody listens to the subject of a request. */
export const isUnheard = ({ headers, data }: NatsMessage): boolean => headers?.code === 503 && data.length === 0;

interface Waiting {
  readonly subject: string;
  send(): void;
  take(message: NatsMessage): void;
  fail(error: DriverError): void;
}

/** Requests over a link, with an inbox of their own. */
export function createRequests(link: NatsLink, clock: Pick<Clock, "after">): Requests {
  const inbox = link.newInbox();
  const waiting = new Map<string, Waiting>();
  let last = 0;
  let isClosed = false;
  const unsubscribe = link.subscribe(`${inbox}.*`, (message) =>
    waiting.get(message.subject.slice(inbox.length + 1))?.take(message),
  );
  const forget = link.onUp(() => {
    for (const each of [...waiting.values()]) each.send();
  });
  const where = `NATS at ${link.address}`;
  const forgetRefusals = link.onRefused((subject) => {
    for (const each of [...waiting.values()])
      if (each.subject === subject)
        each.fail(new DriverError("unauthorized", `${where} does not let this user publish to "${subject}"`));
  });

  return {
    send(subject, data, { headers, signal } = {}) {
      return new Promise((resolve, reject) => {
        if (isClosed) return reject(new DriverError("closed", "component is closed"));
        const token = (last++).toString(36);
        const settle = () => {
          stopTimer();
          signal?.removeEventListener("abort", onAbort);
          waiting.delete(token);
        };
        const fail = (error: DriverError) => {
          settle();
          reject(error);
        };
        const send = () => {
          try {
            link.publish(subject, data, { reply: `${inbox}.${token}`, ...(headers === undefined ? {} : { headers }) });
          } catch (cause) {
            const isTooLarge = (cause as { code?: string }).code === "MAX_PAYLOAD_EXCEEDED";
            const why = isTooLarge ? `takes at most ${link.maxPayload} bytes at once (max_payload)` : "cannot be asked";
            fail(new DriverError(isTooLarge ? "tooLarge" : "failed", `${where} ${why}`, { cause }));
          }
        };
        const onAbort = () =>
          fail(
            new DriverError("timeout", `${where} had not answered when the request ended`, { cause: signal?.reason }),
          );
        const stopTimer = clock.after(limitMs, () => {
          const answer = `${where} did not answer within ${limitMs} ms`;
          fail(
            link.isUp
              ? new DriverError("timeout", answer)
              : new DriverError("unavailable", `${where} is not connected`),
          );
        });
        waiting.set(token, {
          subject,
          send,
          fail,
          take(message) {
            settle();
            resolve(message);
          },
        });
        if (signal?.aborted) return onAbort();
        signal?.addEventListener("abort", onAbort);
        if (link.isUp) send();
      });
    },
    async close() {
      isClosed = true;
      forget();
      forgetRefusals();
      for (const each of [...waiting.values()]) each.fail(new DriverError("closed", "component is closed"));
      await unsubscribe();
    },
  };
}
