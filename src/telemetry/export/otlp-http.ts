import { parseEndpoint } from "./endpoint.ts";
import { ExportError, type Resource, type SpanExporter } from "./exporter.ts";
import { encodeExport, partialSuccess } from "./otlp-encode.ts";

export interface OtlpOptions {
  /** `host:port`. */
  readonly endpoint: string;
  readonly isSecure: boolean;
  /** Go with every request; names in any case. */
  readonly headers: readonly (readonly [string, string])[];
  readonly resource: Resource;
  readonly userAgent: string;
  /** Called when a collector refuses some spans of a request that it takes. */
  readonly onPartial: (reason: string) => void;
}

const tracesPath = "/v1/traces";
const temporary: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const longestReason = 200;

/** Exports over OTLP/HTTP in protobuf. Throws when the endpoint is no address. */
export function createOtlpHttpExporter(options: OtlpOptions): SpanExporter {
  const { host, port, path } = parseEndpoint(options.endpoint);
  const place = `${options.isSecure ? "https" : "http"}://${host}${port === undefined ? "" : `:${port}`}`;
  const url = `${place}${path.endsWith(tracesPath) ? path : `${path}${tracesPath}`}`;
  const headers = new Headers({ "user-agent": options.userAgent });
  for (const [name, value] of options.headers) headers.set(name, value);
  headers.set("content-type", "application/x-protobuf");
  return {
    async send(spans, signal) {
      const body = encodeExport(options.resource, spans);
      const answer = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
      const content = new Uint8Array(await answer.arrayBuffer());
      if (answer.ok) {
        const reason = partialSuccess(content);
        if (reason !== undefined) options.onPartial(reason);
        return;
      }
      throw new ExportError(`${url} answered ${answer.status}${reasonOf(answer, content)}`, {
        isTemporary: temporary.has(answer.status),
        waitMs: retryAfter(answer.headers.get("retry-after")),
      });
    },
    close: async () => {},
  };
}

/** What a place asks for in `Retry-After`, in milliseconds; dates are not read. */
export function retryAfter(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header.trim()) ? Number(header) * 1000 : undefined;
}

/** The text of an answer, when it is one. */
function reasonOf(answer: Response, content: Uint8Array): string {
  const type = answer.headers.get("content-type") ?? "";
  if (content.length === 0 || !/^(?:text\/plain|application\/json)/.test(type)) return "";
  return `: ${new TextDecoder().decode(content).trim().slice(0, longestReason)}`;
}
