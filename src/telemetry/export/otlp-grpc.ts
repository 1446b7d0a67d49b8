import { encodeFrame, FrameReader, framePrefix } from "../../kit/grpc/frames.ts";
import { decodeMessageText } from "../../kit/grpc/message-text.ts";
import { firstValue } from "../../kit/grpc/metadata.ts";
import { formatGrpcTimeout } from "../../kit/grpc/timeout.ts";
import type { HeaderList, Http2Client, Http2Connect } from "../../platform/types.ts";
import { parseEndpoint } from "./endpoint.ts";
import { ExportError, type SpanExporter } from "./exporter.ts";
import { encodeExport, partialSuccess } from "./otlp-encode.ts";
import type { OtlpOptions } from "./otlp-http.ts";

export interface OtlpGrpcOptions extends OtlpOptions {
  readonly connect: (options: Http2Connect) => Http2Client;
  /** Told to the collector as the deadline of each request; milliseconds. */
  readonly timeoutMs: number;
}

const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const securePort = 443;
const plainPort = 4317;
const cancel = 8;
const largestAnswer = 1 << 20;
/** Codes after which OTLP wants the request again. */
const temporary: ReadonlySet<number> = new Set([1, 4, 8, 10, 11, 14, 15]);

/** Exports over OTLP/gRPC on a connection of its own, without the machinery of the gRPC APIs. Throws when the endpoint is no address. */
export function createOtlpGrpcExporter(options: OtlpGrpcOptions): SpanExporter {
  const { host, port } = parseEndpoint(options.endpoint);
  const { isSecure } = options;
  const number = port ?? (isSecure ? securePort : plainPort);
  const plainHost = host.replace(/^\[|\]$/g, "");
  const client = options.connect({ host: plainHost, port: number, ...(isSecure && { tls: {} }) });
  const target = `${host}:${number}`;
  const headers: HeaderList = {
    ":method": "POST",
    ":scheme": isSecure ? "https" : "http",
    ":path": path,
    ":authority": target,
    "user-agent": options.userAgent,
    ...metadata(options.headers),
    te: "trailers",
    "content-type": "application/grpc",
    "grpc-timeout": formatGrpcTimeout(options.timeoutMs),
  };

  /** One unary call: the answer's message, empty when it has none. */
  function call(message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      let first: HeaderList = {};
      let answer = new Uint8Array();
      const reader = new FrameReader(largestAnswer);
      const aborted = () => {
        stream.reset(cancel);
        reject(signal.reason);
      };
      const settle = (act: () => void) => {
        signal.removeEventListener("abort", aborted);
        act();
      };
      const stream = client.request(headers, {
        onHeaders(received) {
          first = received;
        },
        onData(chunk) {
          try {
            reader.push(chunk, (frame) => {
              answer = frame.slice(framePrefix);
            });
          } catch (error) {
            settle(() => reject(error));
            stream.reset(cancel);
          }
        },
        onEnd(trailers) {
          const fault = faultOf(target, first, trailers);
          settle(() => (fault === undefined ? resolve(answer) : reject(fault)));
        },
        onError(error) {
          settle(() => reject(new Error(`calling ${target} failed: ${error.message}`, { cause: error })));
        },
      });
      signal.addEventListener("abort", aborted);
      stream.end(encodeFrame(message));
    });
  }

  return {
    async send(spans, signal) {
      const reason = partialSuccess(await call(encodeExport(options.resource, spans), signal));
      if (reason !== undefined) options.onPartial(reason);
    },
    close: () => client.close(),
  };
}

/** Why a call that was answered has failed; undefined when it has not. */
function faultOf(target: string, first: HeaderList, trailers: HeaderList): ExportError | undefined {
  const from = firstValue(trailers, "grpc-status") === undefined ? first : trailers;
  const text = firstValue(from, "grpc-status");
  if (text === undefined) {
    const status = firstValue(first, ":status") ?? "no status";
    return new ExportError(`${target} answered ${status} without a gRPC status`, {
      isTemporary: /^(?:429|502|503|504)$/.test(status),
    });
  }
  const code = Number(text);
  if (code === 0) return undefined;
  const message = decodeMessageText(firstValue(from, "grpc-message") ?? "");
  return new ExportError(`${target} answered with gRPC code ${code}${message === "" ? "" : `: ${message}`}`, {
    isTemporary: temporary.has(code),
  });
}

/** Headers as metadata: the last value of a name counts; what HTTP/2 or gRPC owns is left out. */
function metadata(headers: readonly (readonly [string, string])[]): Record<string, string> {
  const list: Record<string, string> = {};
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    if (/^[0-9a-z_.-]+$/.test(key) && !key.startsWith("grpc-")) list[key] = value;
  }
  return list;
}
