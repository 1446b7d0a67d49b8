import { DriverError } from "../../driver/errors.ts";
import { ApiError } from "../../errors/error.ts";

/** What a component's failure says about the ETag that was given, if anything. */
export type EtagFault = "mismatch" | "invalid" | undefined;

/** What went wrong in a component, in words. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether an error is about the ETag. */
export function etagFaultOf(error: unknown): EtagFault {
  if (!DriverError.is(error)) return undefined;
  if (error.kind === "etagMismatch") return "mismatch";
  return error.kind === "etagInvalid" ? "invalid" : undefined;
}

/** The failure of several items as one: its text and what it says about ETags. */
export function joinFailures(errors: readonly Error[]): { readonly reason: string; readonly fault: EtagFault } {
  const reason = errors.map(reasonOf).join("\n");
  const faults = errors.map(etagFaultOf);
  // compat: pkg/components/state/bulk.go wraps once more when every failure is about an ETag
  if (faults.every((fault) => fault !== undefined)) {
    const isInvalid = faults.includes("invalid");
    const lead = isInvalid ? "invalid etag value" : "possible etag mismatch. error from state store";
    return { reason: `${lead}: ${reason}`, fault: isInvalid ? "invalid" : "mismatch" };
  }
  return { reason, fault: faults.find((fault) => fault !== undefined) };
}

/**
 * Runs a component's method; `explain` makes the API error of its failure. API errors pass as they are. `honours` says on which
 * wires a status that the component asks for is the whole answer.
 */
export async function explained<T>(
  work: () => Promise<T>,
  explain: (reason: string, cause: unknown) => ApiError,
  honours: "grpc" | "both" = "grpc",
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (ApiError.is(cause)) throw cause;
    const error = explain(reasonOf(cause), cause);
    if (!DriverError.is(cause) || cause.status === undefined) throw error;
    throw error.withStatus({ ...cause.status, isWholeOnHttp: honours === "both" });
  }
}
