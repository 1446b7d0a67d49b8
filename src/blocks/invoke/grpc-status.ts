import { create, createRegistry, toJsonString } from "@bufbuild/protobuf";
import { StatusSchema } from "../../gen/dapr/proto/internals/v1/status_pb.ts";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import type { InvocationReply } from "../../kit/invocation.ts";

/** A gRPC status as JSON of the protocol's own Status message. */
export function statusJson({ code, message, details }: InvocationReply): Uint8Array {
  const status = create(StatusSchema, { code, message, details: details.map((detail) => ({ ...detail })) });
  const registry = createRegistry(file_google_rpc_error_details);
  try {
    return encodeUtf8(toJsonString(StatusSchema, status, { registry }));
  } catch {
    // A detail of a type that we do not know has no JSON form: code and message are worth more than none.
    return encodeUtf8(toJsonString(StatusSchema, create(StatusSchema, { code, message })));
  }
}
