import { Code, ConnectError } from "@connectrpc/connect";
import { DriverError, type DriverErrorKind } from "../../driver/errors.ts";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { Instances } from "./instances.ts";

const codes: Readonly<Record<DriverErrorKind, Code>> = {
  etagMismatch: Code.FailedPrecondition,
  etagInvalid: Code.InvalidArgument,
  badRequest: Code.InvalidArgument,
  badMetadata: Code.InvalidArgument,
  notFound: Code.NotFound,
  unavailable: Code.Unavailable,
  unauthorized: Code.PermissionDenied,
  unsupported: Code.Unimplemented,
  tooLarge: Code.ResourceExhausted,
  full: Code.ResourceExhausted,
  timeout: Code.DeadlineExceeded,
  closed: Code.Unavailable,
  failed: Code.Unknown,
};

const leads = /^(?:possible etag mismatch\. error from state store|invalid etag value)(?:: )?/;

/** A driver's failure as the status that hosts of pluggable components understand. ETag faults carry the detail they look for. */
export function componentStatus(error: unknown): unknown {
  if (!DriverError.is(error)) return error;
  const { kind, message } = error;
  if (kind !== "etagMismatch" && kind !== "etagInvalid") return new ConnectError(message, codes[kind]);
  // The host puts the lead before it again.
  const description = message.replace(leads, "") || "the stored one is another";
  const fieldViolations = [{ field: "etag", description }];
  return new ConnectError(message, codes[kind], undefined, [{ desc: BadRequestSchema, value: { fieldViolations } }]);
}

interface CallHeaders {
  readonly requestHeader: Headers;
}

/** The name of the instance that a call is for. */
export function instanceName(context: CallHeaders): string {
  return context.requestHeader.get("x-component-instance") ?? "";
}

/** Runs a call on its instance. Failures become statuses; a call before Init is FAILED_PRECONDITION. */
export async function onInstance<T, R>(
  instances: Instances<T>,
  context: CallHeaders,
  run: (instance: T) => Promise<R> | R,
): Promise<R> {
  try {
    return await run(instanceOf(instances, context));
  } catch (error) {
    throw componentStatus(error);
  }
}

/** The instance of a call. Throws ConnectError FAILED_PRECONDITION before its Init. */
export function instanceOf<T>(instances: Instances<T>, context: CallHeaders): T {
  const name = instanceName(context);
  const instance = instances.get(name);
  if (instance !== undefined) return instance;
  throw new ConnectError(
    `component instance ${JSON.stringify(name)} is not initialised: call Init before anything else`,
    Code.FailedPrecondition,
  );
}

/** The Init of every service. */
export function initialise<T>(
  instances: Instances<T>,
): (
  request: { readonly metadata?: { readonly properties: Readonly<Record<string, string>> } | undefined },
  context: CallHeaders,
) => Promise<Record<string, never>> {
  return async ({ metadata }, context) => {
    try {
      await instances.init(instanceName(context), metadata?.properties ?? {});
      return {};
    } catch (error) {
      throw componentStatus(error);
    }
  };
}
