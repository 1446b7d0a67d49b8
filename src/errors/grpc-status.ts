import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { StatusSchema } from "../gen/google/rpc/status_pb.ts";
import { decodeMessageText, encodeMessageText } from "../kit/grpc/message-text.ts";
import { addHeaders, firstValue, isProtocolKey, type MetadataList, toHeaders } from "../kit/grpc/metadata.ts";
import { WireFault } from "../kit/grpc/wire-fault.ts";

/** The trailers that carry an error: status, message, details and, for errors of our own, their metadata. */
export function statusTrailers(error: ConnectError): Record<string, string | readonly string[]> {
  const trailers: Record<string, string | readonly string[]> = {
    "grpc-status": String(error.code),
    "grpc-message": encodeMessageText(error.rawMessage),
  };
  if (error.details.length > 0) {
    const status = create(StatusSchema, {
      code: error.code,
      message: error.rawMessage,
      details: error.details.map((detail) =>
        "desc" in detail
          ? anyPack(detail.desc, create(detail.desc, detail.value))
          : { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value },
      ),
    });
    trailers["grpc-status-details-bin"] = base64Encode(toBinary(StatusSchema, status), "std_raw");
  }
  if (!error.isWireError) addHeaders(trailers, error.metadata);
  return trailers;
}

/** The error in a peer's trailers (or headers, when it sent nothing else); undefined when the status is OK or absent. */
export function errorFromTrailers(list: MetadataList): ConnectError | undefined {
  const text = firstValue(list, "grpc-status");
  if (text === undefined || text === "0") return undefined;
  const code = /^\d+$/.test(text) ? Number(text) : -1;
  if (code < 0) return new ConnectError(`transport: malformed grpc-status: "${text}"`, Code.Unknown);
  const message = decodeMessageText(firstValue(list, "grpc-message") ?? "");
  const error = new ConnectError(message, code as Code, toHeaders(withoutProtocolKeys(list)));
  error.isWireError = true;
  const details = firstValue(list, "grpc-status-details-bin");
  if (details === undefined) return error;
  try {
    error.details = fromBinary(StatusSchema, base64Decode(details)).details.map((packed) => ({
      type: packed.typeUrl.slice(packed.typeUrl.lastIndexOf("/") + 1),
      value: packed.value,
    }));
  } catch {
    // The status itself arrived; details that cannot be read are as good as none.
  }
  return error;
}

/** A framing fault as the status it stands for; anything else stays what it is. */
export function fromWireFault(error: unknown): unknown {
  return error instanceof WireFault ? new ConnectError(error.message, error.code as Code) : error;
}

function withoutProtocolKeys(list: MetadataList): MetadataList {
  const rest: Record<string, string | readonly string[]> = {};
  for (const [key, value] of Object.entries(list)) if (!isProtocolKey(key)) rest[key] = value;
  return rest;
}
