import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { DriverError, type DriverErrorKind, type RequestedStatus } from "../../driver/errors.ts";
import { grpcCodeName } from "../../errors/http-status.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";

const kinds: Readonly<Partial<Record<Code, DriverErrorKind>>> = {
  [Code.DeadlineExceeded]: "timeout",
  [Code.Unavailable]: "unavailable",
};

/** A failed call of a component as the driver's error. Text and meaning are those of upstream's client. */
export function componentError(error: unknown): DriverError {
  if (DriverError.is(error)) return error;
  const failure = ConnectError.from(error);
  const status = requestedStatus(failure);
  const start = status === undefined ? "rpc error" : "api error";
  const text = `${start}: code = ${grpcCodeName(failure.code)} desc = ${failure.rawMessage}`;
  return new DriverError(kinds[failure.code] ?? "failed", text, {
    cause: error,
    code: failure.code,
    ...(status && { status }),
  });
}

/** `componentError` for writes of state: knows what a component says of ETags, and of a bulk delete that missed rows. */
export function stateWriteError(error: unknown): DriverError {
  const plain = componentError(error);
  if (!(error instanceof ConnectError) || plain.status !== undefined) return plain;
  const etag = etagViolation(error);
  if (etag !== undefined && error.code === Code.FailedPrecondition) {
    return new DriverError("etagMismatch", `possible etag mismatch. error from state store: ${etag}`, { cause: error });
  }
  if (etag !== undefined && error.code === Code.InvalidArgument) {
    return new DriverError("etagInvalid", `invalid etag value: ${etag}`, { cause: error });
  }
  const rows = error.code === Code.Internal ? onlyDetail(error, ErrorInfoSchema)?.metadata : undefined;
  const { affected, expected } = rows ?? {};
  if (affected === undefined || expected === undefined) return plain;
  return new DriverError("failed", `delete affected only ${affected} rows, expected ${expected}`, { cause: error });
}

function etagViolation(error: ConnectError): string | undefined {
  const violations = onlyDetail(error, BadRequestSchema)?.fieldViolations ?? [];
  const [first] = violations;
  return violations.length === 1 && first?.field === "etag" ? first.description : undefined;
}

function requestedStatus(error: ConnectError): RequestedStatus | undefined {
  const info = onlyDetail(error, ErrorInfoSchema);
  if (info?.metadata["kit_error"] !== "true") return undefined;
  const http = info.metadata["http_code"] ?? "";
  if (!/^[1-9]\d{2}$/.test(http)) return undefined;
  const { reason, domain, metadata } = info;
  return {
    http: Number(http),
    grpc: error.code,
    message: error.rawMessage,
    tag: metadata["tag"] ?? "",
    reason,
    domain,
  };
}

/** The one detail of an error when it is of this type and can be read. */
function onlyDetail<D extends DescMessage>(error: ConnectError, schema: D): MessageShape<D> | undefined {
  const [detail, more] = error.details;
  if (detail === undefined || more !== undefined || !("type" in detail)) return undefined;
  if (detail.type !== schema.typeName) return undefined;
  try {
    return fromBinary(schema, detail.value);
  } catch {
    return undefined;
  }
}
