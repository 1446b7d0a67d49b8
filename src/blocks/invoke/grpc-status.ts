import { create, createRegistry, toJson, toJsonString } from "@bufbuild/protobuf";
import { StatusSchema } from "../../gen/dapr/proto/internals/v1/status_pb.ts";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import type { InvocationReply } from "../../kit/invocation.ts";

/** A gRPC status as JSON of the protocol's own Status message. */
export function statusJson({ code, message, details }: InvocationReply): Uint8Array {
  const status = create(StatusSchema, { code, message, details: details.map((detail) => ({ ...detail })) });
  const registry = createRegistry(file_google_rpc_error_details);
  try {
    const json = toJson(StatusSchema, status, { registry }) as { details?: Record<string, unknown>[] };
    // compat: pkg/messaging/v1/util.go writes the type of a detail before its fields.
    const typed = json.details?.map((detail) => ({ "@type": detail["@type"], ...detail }));
    return encodeUtf8(JSON.stringify(typed === undefined ? json : { ...json, details: typed }));
  } catch {
    // A detail of a type that we do not know has no JSON form: code and message are worth more than none.
    return encodeUtf8(toJsonString(StatusSchema, create(StatusSchema, { code, message })));
  }
}
