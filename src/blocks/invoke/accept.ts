import type { BeginSpan, Call, Span } from "../../kit/call.ts";
import {
  type Invocation,
  InvocationFailure,
  type InvocationReply,
  type InvocationTarget,
} from "../../kit/invocation.ts";
import { callLocalStreamPath } from "../../kit/peer-wire/encode.ts";
import { acceptFailure } from "./failure.ts";
import { normalizeMethod } from "./method.ts";
import type { AccessControl, InvokeMeter } from "./ports.ts";

/** What the accepting side needs of its surroundings. */
export interface AcceptPorts {
  readonly app: () => InvocationTarget | undefined;
  readonly access: AccessControl;
  readonly meter?: InvokeMeter;
  /** Begins the step of this side; absent: the caller's trace goes on as it is. */
  readonly tracing?: { readonly appId: string; readonly begin: BeginSpan };
}

/** The access rules of a sidecar without any. */
export const allowAll: AccessControl = { refuses: () => undefined };

const internal = 13;
const permissionDenied = 7;

/** True when the caller wants server-sent events and nothing else. */
function wantsEvents(request: Invocation): boolean {
  return request.headers.some(
    ([name, value]) => name === "accept" && value.trim().toLowerCase() === "text/event-stream",
  );
}

/** compat: pkg/sse/sse.go has no way to tell the caller of another status than 2xx. */
async function noEvents({ body }: InvocationReply): Promise<never> {
  if (body instanceof ReadableStream) await body.cancel();
  throw new Error("no response received from stream");
}

/** The side of a sidecar that other sidecars call, over the wire or in the same process. Rejects with InvocationFailure only. */
export function createAccept(ports: AcceptPorts): InvocationTarget {
  const { access, meter, tracing } = ports;

  async function accept(request: Invocation, call: Call): Promise<InvocationReply> {
    const app = ports.app();
    if (app === undefined) throw new InvocationFailure(internal, "app channel is not initialized");
    const method = normalizeMethod(request.method);
    const reason = access.refuses(call.caller, method, request.verb ?? "");
    if (reason !== undefined) throw new InvocationFailure(permissionDenied, reason);
    const caller = call.caller?.appId ?? "";
    meter?.requestReceived(caller);
    try {
      const reply = await app.invoke(method === request.method ? request : { ...request, method }, call);
      meter?.responseSent(caller, reply.code);
      if (wantsEvents(request) && reply.code >= 100 && (reply.code < 200 || reply.code > 299))
        return await noEvents(reply);
      return reply;
    } catch (error) {
      meter?.responseSent(caller, internal);
      throw acceptFailure(error);
    }
  }

  return {
    invoke(request, call) {
      if (tracing === undefined) return accept(request, call);
      const trace = tracing.begin("server", call.trace);
      const { span } = trace;
      const { signal, caller } = call;
      const here: Call = caller === undefined ? { signal, trace } : { signal, trace, caller };
      if (span === undefined) return accept(request, here);
      describe(span, tracing.appId, request.method);
      return accept(request, here)
        .catch((error: Error) => {
          span.fail(error.message);
          throw error;
        })
        .finally(() => span.end());
    },
  };
}

/** compat: the span tells of the RPC between sidecars, also where there is none. */
function describe(span: Span, appId: string, method: string): void {
  span.name = `CallLocal/${appId}/${method}`;
  span.set("rpc.service", "ServiceInvocation");
  span.set("dapr.invoke_method", method);
  span.set("dapr.protocol", "grpc");
  span.set("dapr.api", callLocalStreamPath);
}
