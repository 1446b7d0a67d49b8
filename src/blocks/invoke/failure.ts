import { type ApiError, fail } from "../../errors/error.ts";
import { grpcCodeName } from "../../errors/http-status.ts";
import { AppUnhealthy } from "../../kit/app-channel.ts";
import { InvocationFailure, unimplemented } from "../../kit/invocation.ts";

const permissionDenied = 7;
const internal = 13;

/** A failure as Go prints it, status errors with their code in front. */
export function failureText(error: unknown): string {
  if (AppUnhealthy.is(error)) return `rpc error: code = Internal desc = ${error.message}`;
  const message = error instanceof Error ? error.message : String(error);
  if (!InvocationFailure.is(error) || error.code === undefined) return message;
  return `rpc error: code = ${grpcCodeName(error.code)} desc = ${message}`;
}

/** The API's error for a call that did not get to its app. */
export function invokeError(id: string, error: unknown): ApiError {
  const row = InvocationFailure.is(error) && error.code === permissionDenied ? "directInvokeDenied" : "directInvoke";
  return fail(row, { id, reason: failureText(error) }, { cause: error });
}

/** The API's error for a WebSocket that did not get to its app. */
export function upgradeError(id: string, error: unknown): ApiError {
  if (!InvocationFailure.is(error) || error.code !== unimplemented) return invokeError(id, error);
  return fail("directInvokeUpgrade", { id, reason: error.message }, { cause: error });
}

/** What another sidecar hears when this one did not reach its app. */
export function acceptFailure(error: unknown): InvocationFailure {
  if (InvocationFailure.is(error) && (error.code === permissionDenied || error.code === unimplemented)) return error;
  return new InvocationFailure(internal, `error invoking app channel: ${failureText(error)}`, { cause: error });
}
