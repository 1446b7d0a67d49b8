import type { Clock } from "../../kit/clock.ts";
import type { HttpCall, HttpReply } from "../../kit/http-message.ts";

/** Hears of every call when its answer begins, after `ms`; of one that got none there is no reply. */
export type HttpCallMeter = (call: HttpCall, reply: HttpReply | undefined, ms: number) => void;

type Send = (call: HttpCall, signal: AbortSignal) => Promise<HttpReply>;

/** The same calls, measured; without a meter nothing is added. */
export function metered(send: Send, clock: Clock, meter: HttpCallMeter | undefined): Send {
  if (meter === undefined) return send;
  return async (call, signal) => {
    const start = clock.monotonic();
    let reply: HttpReply | undefined;
    try {
      reply = await send(call, signal);
      return reply;
    } finally {
      meter(call, reply, clock.monotonic() - start);
    }
  };
}
