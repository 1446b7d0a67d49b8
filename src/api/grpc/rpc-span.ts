import type { Span } from "../../kit/call.ts";
import { firstValue, type MetadataList } from "../../kit/grpc/metadata.ts";
import { tokenHeader } from "../../security/token.ts";

type Fields = Readonly<Record<string, unknown>>;
type Describe = (span: Span, request: Fields, path: string) => void;

/** Adds what upstream says of a unary RPC of the Dapr service by its request. */
export function describeRpc(span: Span, path: string, request: unknown): void {
  if (typeof request !== "object" || request === null) return;
  described[path.slice(path.lastIndexOf("/") + 1)]?.(span, request as Fields, path);
}

/** Adds what callers name `dapr-…`, as upstream does, but for binary values and the token. */
export function describeMetadata(span: Span, metadata: MetadataList): void {
  for (const key in metadata) {
    if (!key.startsWith("dapr-") || key.endsWith("-bin") || key === tokenHeader) continue;
    span.set(key, firstValue(metadata, key) ?? "");
  }
}

function text(fields: unknown, name: string): string {
  const value = typeof fields === "object" && fields !== null ? (fields as Fields)[name] : undefined;
  return typeof value === "string" ? value : "";
}

function database(system: string, nameField: string): Describe {
  return (span, request, path) => {
    span.set("rpc.service", "Dapr");
    span.set("db.name", text(request, nameField));
    span.set("db.system", system);
    span.set("db.statement", path);
    span.set("db.connection_string", system);
  };
}

const messaging: Describe = (span, request) => {
  span.set("rpc.service", "Dapr");
  span.set("messaging.system", "pubsub");
  span.set("messaging.destination.name", text(request, "topic"));
};

const conversation: Describe = (span, request) => span.set("rpc.system", text(request, "name"));

const invocation: Describe = (span, request) => {
  const id = text(request, "id");
  span.name = `CallLocal/${id}/${text(request["message"], "method")}`;
  span.set("rpc.service", "ServiceInvocation");
  span.set("net.peer.name", id);
};

/** By the name of the RPC; upstream describes these and no others. */
const described: Readonly<Record<string, Describe>> = {
  GetState: database("state", "storeName"),
  SaveState: database("state", "storeName"),
  DeleteState: database("state", "storeName"),
  GetSecret: database("secrets", "storeName"),
  InvokeBinding: database("bindings", "name"),
  PublishEvent: messaging,
  BulkPublishEvent: messaging,
  BulkPublishEventAlpha1: messaging,
  InvokeService: invocation,
  ConverseAlpha1: conversation,
  ConverseAlpha2: conversation,
};
