import { Code, ConnectError } from "@connectrpc/connect";
import type { RawCall } from "../../api/grpc/raw.ts";
import type { Clock } from "../../kit/clock.ts";
import { firstValue, type MetadataList } from "../../kit/grpc/metadata.ts";
import { type Policy, PolicyError, type PolicyUse, type Verdict } from "../../kit/policy.ts";
import { policyConnectError } from "./grpc-policy-error.ts";
import type { RawAnswer, RawOptions, RawTarget } from "./grpc-proxy.ts";

/** An answer whose status is not OK. */
class FailedAnswer extends Error {
  readonly code: number;
  readonly trailers: MetadataList;
  constructor(code: number, trailers: MetadataList) {
    super(`the app answered with status ${code}`);
    this.code = code;
    this.trailers = trailers;
  }
}

/** Marks an error of a call of which nothing was sent: its code is not the app's. */
export function unsent(error: ConnectError): ConnectError {
  return Object.assign(error, { sent: false });
}

function verdictOf(error: unknown): Verdict {
  if (error instanceof FailedAnswer) return error.code;
  if (!(error instanceof ConnectError)) return undefined;
  return "sent" in error && error.sent === false ? undefined : error.code;
}

/**
 * Runs a whole call under a policy. Its answer is held back until the first message, so that a try without one can be repeated; a
 * client that sends a second message under retries ends it.
 */
export async function guardedProxyCall(
  policy: Policy,
  call: RawCall,
  send: (attempt: RawCall) => Promise<void>,
): Promise<void> {
  const framesOf = policy.hasRetries ? replayFirst(call.frames) : sentOnce(call.frames);
  let isAnswered = false;
  let header: MetadataList | undefined;
  const answer = (): void => {
    if (!isAnswered && header !== undefined) call.respond(header);
    isAnswered = true;
  };
  const attempt = async (signal: AbortSignal): Promise<MetadataList> => {
    const ownHeader = { value: undefined as MetadataList | undefined };
    let trailers: MetadataList | undefined;
    const tried = Object.create(call, {
      signal: { value: signal },
      frames: { value: framesOf.open() },
      respond: { value: (headers: MetadataList) => void (ownHeader.value = headers) },
      write: {
        value(frame: Uint8Array) {
          if (signal.aborted) throw signal.reason;
          if (!isAnswered) header = ownHeader.value;
          answer();
          return call.write(frame);
        },
      },
      end: { value: (last: MetadataList) => void (trailers = last) },
    }) as RawCall;
    await send(tried);
    if (signal.aborted) throw signal.reason;
    if (trailers === undefined) throw new ConnectError("the call was left without an end", Code.Internal);
    if (!isAnswered) header = ownHeader.value;
    const code = Number(firstValue(trailers, "grpc-status") ?? Code.Unknown);
    if (code !== 0) throw new FailedAnswer(code, trailers);
    return trailers;
  };
  const use: PolicyUse<MetadataList> = {
    judge: (error) => (isAnswered || framesOf.isBroken() ? "stop" : verdictOf(error)),
  };
  let trailers: MetadataList;
  try {
    trailers = await policy.run(attempt, call.signal, use);
  } catch (error) {
    if (PolicyError.is(error)) throw policyConnectError(error);
    if (!(error instanceof FailedAnswer)) throw error;
    trailers = error.trailers;
  }
  answer();
  call.end(trailers);
}

interface AttemptFrames {
  open(): AsyncIterable<Uint8Array>;
  isBroken(): boolean;
}

/** One at a time: what is handed over on the level of callbacks does not hear of the end of a try. */
function sentOnce(frames: AsyncIterable<Uint8Array>): AttemptFrames {
  return { open: () => ({ [Symbol.asyncIterator]: () => frames[Symbol.asyncIterator]() }), isBroken: () => false };
}

/** The first frame for every try; another one breaks the call. */
function replayFirst(frames: AsyncIterable<Uint8Array>): AttemptFrames {
  const source = frames[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<Uint8Array>> | undefined;
  let second: Promise<IteratorResult<Uint8Array>> | undefined;
  let isBroken = false;
  return {
    isBroken: () => isBroken,
    async *open() {
      const one = await (first ??= source.next());
      if (one.done) return;
      yield one.value;
      const two = await (second ??= source.next());
      if (two.done) return;
      isBroken = true;
      throw new ConnectError("cannot use resiliency policies with retries on streaming RPCs", Code.FailedPrecondition);
    },
  };
}

/** How often it is looked whether a connection is there, in milliseconds. */
const lookEveryMs = 5;

/**
 * Begins a call under a policy that covers no more than its connection; the call itself lives as long as its client. Nothing of the
 * client's messages is taken before the connection stands.
 */
export async function establishedAnswer(
  policy: Policy,
  call: RawCall,
  clock: Clock,
  target: () => Promise<RawTarget>,
  start: (target: RawTarget, frames: AsyncIterable<Uint8Array>, signal: RawOptions["signal"]) => RawAnswer,
): Promise<RawAnswer> {
  const attempt = async (signal: AbortSignal): Promise<RawAnswer> => {
    const found = await target();
    const connected = Promise.withResolvers<void>();
    connected.promise.catch(() => {});
    const giveUp = new AbortController();
    async function* gated(): AsyncGenerator<Uint8Array> {
      await connected.promise;
      yield* call.frames;
    }
    const answer = start(found, gated(), AbortSignal.any([call.signal, giveUp.signal]));
    try {
      while (found.http2?.connected === false) {
        // The header, or why there is none, ends the wait too.
        const isThere = await Promise.race([answer.header.then(() => true), clock.sleep(lookEveryMs, signal)]);
        if (isThere === true) break;
      }
    } catch (error) {
      connected.reject(error);
      giveUp.abort(error);
      throw error;
    }
    connected.resolve();
    return answer;
  };
  try {
    return await policy.run(attempt, call.signal, { judge: verdictOf });
  } catch (error) {
    throw PolicyError.is(error) ? policyConnectError(error) : error;
  }
}
