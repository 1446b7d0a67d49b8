import type { Call } from "../../kit/call.ts";
import { type MessageBody, readBody } from "../../kit/http-message.ts";
import type { Invocation, InvocationReply } from "../../kit/invocation.ts";
import type { Policy, PolicyUse, Verdict } from "../../kit/policy.ts";

/** The app answered, with a status that counts as a failure. */
class FailedReply extends Error {
  readonly reply: InvocationReply;
  /** As the policy is to see it. */
  readonly verdict: Verdict;
  constructor(reply: InvocationReply, verdict: Verdict) {
    super(`the app answered with status ${reply.code}`);
    this.reply = reply;
    this.verdict = verdict;
  }
}

type Attempt = (request: Invocation, call: Call) => Promise<InvocationReply>;

/**
 * Calls under a policy. A body of unknown length is sent once, whatever the policy says; one of known length is read before, when
 * it has at most `replayBytes`. The last answer of the app is the caller's, also a failed one; none is read here.
 */
export async function guardedCall(
  policy: Policy,
  request: Invocation,
  call: Call,
  replayBytes: number,
  attempt: Attempt,
): Promise<InvocationReply> {
  const asked = await replayable(policy, request, replayBytes);
  const isOnce = asked.body instanceof ReadableStream;
  let ended: Promise<void> | undefined;
  const use: PolicyUse<InvocationReply> = {
    judge(error) {
      if (isOnce) return "stop";
      return error instanceof FailedReply ? error.verdict : undefined;
    },
    dropped(error) {
      if (error instanceof FailedReply) discard(error.reply.body);
    },
    lasts: () => ended,
  };
  const once = async (signal: AbortSignal): Promise<InvocationReply> => {
    const reply = await attempt(asked, signal === call.signal ? call : withSignal(call, signal));
    if (signal.aborted) {
      discard(reply.body);
      throw signal.reason;
    }
    // From here on the app holds the connection: the policy has done its work.
    if (reply.code === 101 && request.upgrade !== undefined) return reply;
    const failure = failureOf(reply, request.wire);
    if (failure !== undefined) throw new FailedReply(reply, failure.verdict);
    if (!policy.hasTimeout || !(reply.body instanceof ReadableStream)) return reply;
    const watched = watchEnd(reply.body);
    ended = watched.ended;
    return { ...reply, body: watched.body };
  };
  try {
    return await policy.run(once, call.signal, use);
  } catch (error) {
    if (error instanceof FailedReply) return error.reply;
    throw error;
  }
}

/** The request in a form that can be sent again, if the policy may want that. */
async function replayable(policy: Policy, request: Invocation, replayBytes: number): Promise<Invocation> {
  const { body, length, ...rest } = request;
  if (!policy.hasRetries || !(body instanceof ReadableStream)) return request;
  if (length === undefined || length > replayBytes) return request;
  return { ...rest, body: await readBody(body) };
}

/**
 * compat: pkg/api/http/directmessaging.go looks at HTTP statuses only, and gives them to the policy with their number;
 * pkg/api/grpc/grpc.go takes every status but success as a failure, and gives it without.
 */
function failureOf({ code }: InvocationReply, wire: Invocation["wire"]): { readonly verdict: Verdict } | undefined {
  if (wire === "http") return code >= 100 && (code < 200 || code > 399) ? { verdict: code } : undefined;
  const isSuccess = code >= 100 ? code >= 200 && code <= 299 : code === 0;
  return isSuccess ? undefined : { verdict: undefined };
}

function withSignal({ trace, caller }: Call, signal: AbortSignal): Call {
  return caller === undefined ? { signal, trace } : { signal, trace, caller };
}

function discard(body: MessageBody): void {
  if (body instanceof ReadableStream) body.cancel().catch(() => {});
}

/** The same body, and when nobody reads it any more. */
function watchEnd(source: ReadableStream<Uint8Array>): { body: ReadableStream<Uint8Array>; ended: Promise<void> } {
  const reader = source.getReader();
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        resolve();
      },
      cancel(reason) {
        resolve();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return { body, ended };
}
