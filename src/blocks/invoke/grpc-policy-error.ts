import { Code, ConnectError } from "@connectrpc/connect";
import type { PolicyError } from "../../kit/policy.ts";

/** compat: what Go's gRPC server makes of a policy's error that nobody wraps. */
export function policyConnectError(error: PolicyError): ConnectError {
  return new ConnectError(error.message, error.kind === "timeout" ? Code.DeadlineExceeded : Code.Unknown);
}
