import type { Call } from "../../kit/call.ts";
import { type Invocation, InvocationFailure, type InvocationReply } from "../../kit/invocation.ts";
import type { PolicyUse } from "../../kit/policy.ts";
import { guardedCall } from "./guarded-call.ts";
import { forwardingLines, identityLines, replyLines } from "./header-rules.ts";
import { normalizeMethod } from "./method.ts";
import type { AppName, InvokePorts } from "./ports.ts";
import { parseTarget } from "./target.ts";

/** Calls apps by name. */
export interface Invoke {
  /**
   * Calls a method of the app, endpoint or URL that `id` names: the own app, one of this process, or one elsewhere. Rejects with
   * InvocationFailure, AppUnreachable, AppUnhealthy or the resolver's error.
   */
  invoke(id: string, request: Invocation, call: Call): Promise<InvocationReply>;
}

const unavailable = 14;
const unauthenticated = 16;

/** A peer could not be reached, and may be tried again. */
class PeerUnreached extends InvocationFailure {}
const whenUnreached: PolicyUse<InvocationReply> = {
  judge: (error) => (error instanceof PeerUnreached ? undefined : "stop"),
};

/** Makes invocation for one sidecar. */
export function createInvoke(ports: InvokePorts): Invoke {
  const { self, clock, meter } = ports;
  const forwarding = forwardingLines(ports.host);

  const stamp = (request: Invocation, callee: string): Invocation => ({
    ...request,
    headers: [...request.headers, ...forwarding, ...identityLines(self, callee)],
  });
  const metered = async (callee: string, run: () => Promise<InvocationReply>): Promise<InvocationReply> => {
    if (meter === undefined) return run();
    const start = clock.monotonic();
    meter.requestSent(callee);
    const reply = await run();
    meter.responseReceived(callee, reply.code, clock.monotonic() - start);
    return reply;
  };

  const invokeOwn = async (request: Invocation, call: Call): Promise<InvocationReply> => {
    const app = ports.app();
    if (app === undefined) {
      throw new InvocationFailure(undefined, "cannot invoke local endpoint: app channel not initialized");
    }
    return app.invoke(request, call);
  };

  const invokePeer = async (app: AppName, request: Invocation, call: Call): Promise<InvocationReply> => {
    const { resolver, peers } = ports;
    if (resolver === undefined || peers === undefined) {
      throw new InvocationFailure(undefined, "name resolver not initialized");
    }
    const stamped = stamp(request, app.appId);
    const found = resolver.resolve(app, call);
    let address = typeof found === "string" ? found : await found;
    const attempt = async (): Promise<InvocationReply> => {
      try {
        const { appId, namespace } = app;
        const start = clock.monotonic();
        meter?.requestSent(appId);
        const reply = await peers.invoke({ appId, namespace, address }, stamped, call);
        meter?.responseReceived(appId, reply.code, clock.monotonic() - start);
        return peerReply(reply);
      } catch (error) {
        if (isUnreachable(error)) resolver.forget(app, address);
        throw error;
      }
    };
    try {
      return await attempt();
    } catch (error) {
      const hop = isUnreachable(error) && isRepeatable(request) ? ports.policies.hop(app.appId) : undefined;
      if (hop === undefined) throw error;
      // The try above was the first of the policy: a call that arrives pays nothing for it.
      const again = async (_: AbortSignal, number: number): Promise<InvocationReply> => {
        try {
          if (number === 1) throw error;
          // It may be back under another address; while nobody knows one, the last is as good as any.
          try {
            address = await resolver.resolve(app, call);
          } catch {
            // The last one, then.
          }
          return await attempt();
        } catch (cause) {
          if (!isUnreachable(cause) || !isRepeatable(request)) throw cause;
          const retries = `failed to invoke target ${app.appId} after ${number - 1} retries`;
          throw new PeerUnreached(undefined, `${retries}. Error: ${unavailableText(cause)}`, { cause });
        }
      };
      return hop.run(again, call.signal, whenUnreached);
    }
  };

  const once = (id: string, request: Invocation, call: Call): Promise<InvocationReply> => {
    const external = ports.external?.(id);
    if (external !== undefined) return metered(id, () => external.invoke(request, call));
    const target = parseTarget(id, self.namespace);
    if (target.kind === "url") {
      throw new InvocationFailure(undefined, `cannot invoke http endpoint ${id}: app channel not initialized`);
    }
    const { appId, namespace } = target;
    if (appId === self.appId && namespace === self.namespace) return invokeOwn(request, call);
    const sidecar = ports.sidecars.find(appId, namespace);
    if (sidecar === undefined) return invokePeer({ appId, namespace }, request, call);
    const here: Call = { signal: call.signal, trace: call.trace, caller: self };
    return metered(appId, () => sidecar.invoke(stamp(request, appId), here));
  };

  return {
    async invoke(id, request, call) {
      const method = normalizeMethod(request.method);
      const clean = method === request.method ? request : { ...request, method };
      const policy = ports.policies.call?.(id, method);
      if (policy === undefined) return once(id, clean, call);
      const { replayBytes } = ports.policies;
      return guardedCall(policy, clean, call, replayBytes, (asked, attempt) => once(id, asked, attempt));
    },
  };
}

/** A peer hands over all that its app said; the callers of ours get what the app itself would give them. */
function peerReply(reply: InvocationReply): InvocationReply {
  const { lines, contentType } = replyLines(reply.headers);
  const isOfHop = reply.contentType !== "" || contentType.startsWith("application/grpc");
  return { ...reply, headers: lines, contentType: isOfHop ? reply.contentType : contentType };
}

function isUnreachable(error: unknown): error is InvocationFailure {
  return InvocationFailure.is(error) && (error.code === unavailable || error.code === unauthenticated);
}

function unavailableText(error: InvocationFailure): string {
  return `rpc error: code = ${error.code === unavailable ? "Unavailable" : "Unauthenticated"} desc = ${error.message}`;
}

/** A stream counts as long as nobody has begun to read it. */
function isRepeatable(request: Invocation): boolean {
  return !(request.body instanceof ReadableStream) || !request.body.locked;
}
