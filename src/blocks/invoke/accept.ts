import { InvocationFailure, type InvocationTarget } from "../../kit/invocation.ts";
import { acceptFailure } from "./failure.ts";
import { normalizeMethod } from "./method.ts";
import type { AccessControl, InvokeMeter } from "./ports.ts";

/** What the accepting side needs of its surroundings. */
export interface AcceptPorts {
  readonly app: () => InvocationTarget | undefined;
  readonly access: AccessControl;
  readonly meter?: InvokeMeter;
}

/** The access rules of a sidecar without any. */
export const allowAll: AccessControl = { refuses: () => undefined };

const internal = 13;
const permissionDenied = 7;

/** The side of a sidecar that other sidecars call, over the wire or in the same process. Rejects with InvocationFailure only. */
export function createAccept(ports: AcceptPorts): InvocationTarget {
  const { access, meter } = ports;
  return {
    async invoke(request, call) {
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
        return reply;
      } catch (error) {
        meter?.responseSent(caller, internal);
        throw acceptFailure(error);
      }
    },
  };
}
