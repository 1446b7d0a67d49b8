import type { Log } from "../ports.ts";
import type { SpanData } from "../span.ts";
import type { SpanExporter } from "./exporter.ts";

const noSpan = "0".repeat(16);

/** Writes each span as a line of the log, in the scope `dapr.runtime.trace`. */
export function createStdoutExporter(log: Log): SpanExporter {
  const lines = log.scope("dapr.runtime.trace");
  return {
    async send(spans) {
      for (const span of spans) lines.info(spanLine(span));
    },
    close: async () => {},
  };
}

/** A span as upstream prints it. */
export function spanLine({ name, traceId, spanId, parentId, startMs, endMs }: SpanData): string {
  const parent = parentId === "" ? noSpan : parentId;
  return `[${name}] Trace: ${traceId} Span: ${parent}/${spanId} Time: [${goTime(startMs)} ->  ${goTime(endMs)}] Annotations: []`;
}

/** A time as Go prints it, in UTC. */
function goTime(ms: number): string {
  const whole = Math.floor(ms);
  const [date = "", rest = ""] = new Date(whole).toISOString().split("T");
  const nanos = String((whole % 1000) * 1_000_000 + Math.floor((ms - whole) * 1e6))
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${date} ${rest.slice(0, 8)}${nanos === "" ? "" : `.${nanos}`} +0000 UTC`;
}
