import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "../../kit/clock.ts";
import { encodeMessageText } from "../../kit/grpc/message-text.ts";
import { firstValue } from "../../kit/grpc/metadata.ts";
import { unknownEncoding } from "../../kit/grpc/payload.ts";
import { parseGrpcTimeout } from "../../kit/grpc/timeout.ts";
import type { ServerStream, StreamHandler } from "../../platform/types.ts";
import type { GrpcInterceptor } from "./interceptor.ts";
import type { MessageLimits } from "./message-codec.ts";
import { type MethodEntry, mergeParts } from "./method-table.ts";
import type { GrpcPart } from "./part.ts";
import { type RawHandler, serveRaw } from "./raw.ts";
import { discardRest, ServerCall } from "./server-call.ts";
import { serveBidi, serveClientStream, serveServerStream } from "./streaming.ts";
import { serveUnary } from "./unary.ts";

export interface GrpcServerOptions {
  readonly parts: readonly GrpcPart[];
  /** In upstream's order: allow list, API token, tracing, metrics, API logging. */
  readonly interceptors?: readonly GrpcInterceptor[];
  /** Handlers of single RPCs by path, `/package.Service/Method`, instead of what the parts say of them. */
  readonly raw?: ReadonlyMap<string, RawHandler>;
  /** Takes the calls of services that no part serves, and those that name an app for methods that none has; without it they are UNIMPLEMENTED. */
  readonly unknown?: RawHandler;
  /** Names of services whose calls are for `unknown` too when they name an app. */
  readonly yielding?: ReadonlySet<string>;
  readonly limits: MessageLimits;
  readonly clock: Clock;
}

/** A gRPC server on the level of streams. Throws when two parts claim one RPC. */
export function createGrpcServer(options: GrpcServerOptions): StreamHandler {
  const { methods, services } = mergeParts(options.parts);
  const known = new Set(services.map((service) => service.typeName));
  const interceptors = options.interceptors ?? [];
  const { clock, limits, unknown } = options;

  const serveEntry = (stream: ServerStream, call: ServerCall, entry: MethodEntry): void => {
    if (entry.implement === undefined) {
      call.fail(new ConnectError(`method ${entry.method.name} not implemented`, Code.Unimplemented));
      return;
    }
    switch (entry.method.methodKind) {
      case "unary":
        serveUnary(stream, call, entry, limits);
        break;
      case "server_streaming":
        serveServerStream(stream, call, entry, limits);
        break;
      case "client_streaming":
        serveClientStream(stream, call, entry, limits);
        break;
      case "bidi_streaming":
        serveBidi(stream, call, entry, limits);
        break;
    }
  };
  const serveUnknown = (stream: ServerStream, call: ServerCall): void => {
    const slash = call.path.lastIndexOf("/");
    const service = call.path.slice(1, slash);
    if (slash < 1) {
      call.fail(new ConnectError(`malformed method name: "${call.path}"`, Code.Unimplemented));
    } else if (known.has(service) && (unknown === undefined || !namesApp(call))) {
      const text = `unknown method ${call.path.slice(slash + 1)} for service ${service}`;
      call.fail(new ConnectError(text, Code.Unimplemented));
    } else if (unknown === undefined) {
      call.fail(new ConnectError(`unknown service ${service}`, Code.Unimplemented));
    } else serveRaw(stream, call, unknown, limits.maxReceiveBytes);
  };

  return (stream) => {
    const { headers } = stream;
    const contentType = firstValue(headers, "content-type") ?? "";
    if (!isGrpc(contentType)) {
      rejectEarly(stream, "415", Code.InvalidArgument, `invalid gRPC request content-type "${contentType}"`);
      return;
    }
    const timeout = firstValue(headers, "grpc-timeout");
    let timeoutMs: number | undefined;
    if (timeout !== undefined) {
      try {
        timeoutMs = parseGrpcTimeout(timeout);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        rejectEarly(stream, "400", Code.Internal, `malformed grpc-timeout: ${reason}`);
        return;
      }
    }
    if (stream.method !== "POST") {
      const text = `Received a HEADERS frame with :method "${stream.method}" which should be POST`;
      rejectEarly(stream, "405", Code.Internal, text);
      return;
    }
    const entry = methods.get(stream.path);
    const call = new ServerCall(stream, clock, entry);
    if (timeoutMs !== undefined) call.startDeadline(timeoutMs);
    if (call.isClosed || (interceptors.length > 0 && !call.admit(interceptors))) return;
    const raw = options.raw?.get(stream.path);
    if (raw !== undefined) {
      serveRaw(stream, call, raw, limits.maxReceiveBytes);
      return;
    }
    if (entry === undefined || (options.yielding?.has(entry.service.typeName) && namesApp(call))) {
      serveUnknown(stream, call);
      return;
    }
    const encoding = firstValue(headers, "grpc-encoding");
    if (encoding !== undefined && encoding !== "identity") {
      if (encoding !== "gzip") {
        call.fail(unknownEncoding(encoding));
        return;
      }
      if (/\bgzip\b/.test(firstValue(headers, "grpc-accept-encoding") ?? "gzip")) call.responseEncoding = "gzip";
    }
    serveEntry(stream, call, entry);
  };
}

/** True when the metadata say which app the call is for. */
function namesApp(call: ServerCall): boolean {
  return call.header("dapr-app-id") !== undefined || call.header("dapr-callee-app-id") !== undefined;
}

/** True for `application/grpc` with or without a subtype; every subtype is read as protobuf. */
function isGrpc(contentType: string): boolean {
  if (!contentType.startsWith("application/grpc")) return false;
  const next = contentType[16];
  return next === undefined || next === "+" || next === ";";
}

function rejectEarly(stream: ServerStream, status: string, code: Code, message: string): void {
  stream.respond({
    ":status": status,
    "content-type": "application/grpc",
    "grpc-status": String(code),
    "grpc-message": encodeMessageText(message),
  });
  stream.end();
  discardRest(stream);
}
