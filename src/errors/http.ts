import { encodeGoJson } from "../kit/go-json.ts";
import { httpStatusText } from "../kit/http-status-text.ts";
import { ApiError, type GivenStatus, pluggableCategory } from "./error.ts";
import type { ErrorDetail, ErrorRow } from "./row.ts";
import { errorTable } from "./table.ts";

/** An error as the HTTP API answers it. `metricCode` and `category` feed the error-code metric; an empty category is not counted. */
export interface HttpError {
  readonly status: number;
  readonly body: string;
  readonly metricCode: string;
  readonly category: string;
}

/** The answer to anything thrown on the HTTP API; what is no ApiError becomes a 500 ERROR. */
export function describeHttp(error: unknown): HttpError {
  const api = ApiError.from(error);
  if (api.given?.isWholeOnHttp) return describeGiven(api.given);
  const base = errorTable[api.row] as ErrorRow<unknown>;
  const row = base.onHttp === undefined ? base : { ...base, ...base.onHttp };
  const details = row.details?.(api.params) ?? [];
  const errorCode = row.tag || reasonOf(details) || httpStatusText(row.http);
  const message = base.onHttp?.text === undefined ? api.message : row.text(api.params);
  const body: Record<string, unknown> = { errorCode, message };
  if (details.length > 0) body["details"] = details.map(detailJson);
  return {
    status: api.given?.http ?? row.http,
    body: encodeGoJson(body),
    metricCode: row.metricCode ?? errorCode,
    category: row.category,
  };
}

function describeGiven({ http, message, tag, reason, domain }: GivenStatus): HttpError {
  const detail = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", domain, metadata: null, reason };
  const body = encodeGoJson({ errorCode: tag || reason, message, details: [detail] });
  return { status: http, body, metricCode: tag || reason, category: pluggableCategory };
}

/** `describeHttp` as a response: JSON without a newline at its end. */
export function renderHttp(error: unknown): Response {
  const { status, body } = describeHttp(error);
  return new Response(body, { status, headers: { "content-type": "application/json" } });
}

function reasonOf(details: readonly ErrorDetail[]): string {
  for (const detail of details) if (detail.kind === "ErrorInfo") return detail.reason;
  return "";
}

/** Upstream builds details as maps, so their keys are sorted; messages inside them drop empty fields. */
function detailJson(detail: ErrorDetail): Record<string, unknown> {
  const type = `type.googleapis.com/google.rpc.${detail.kind}`;
  switch (detail.kind) {
    case "ErrorInfo":
      return {
        "@type": type,
        domain: "dapr.io",
        metadata: detail.metadata === null ? null : sortedPairs(detail.metadata),
        reason: detail.reason,
      };
    case "ResourceInfo":
      return {
        "@type": type,
        description: detail.description,
        owner: detail.owner,
        resource_name: detail.resourceName,
        resource_type: detail.resourceType,
      };
    case "BadRequest":
      return {
        "@type": type,
        field_violations: detail.violations.map((violation) => ({
          field: violation.field || undefined,
          description: violation.description || undefined,
        })),
      };
    case "Help":
      return {
        "@type": type,
        links: detail.links.map((link) => ({
          description: link.description || undefined,
          url: link.url || undefined,
        })),
      };
  }
}

function sortedPairs(pairs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(pairs).sort(([left], [right]) => (left < right ? -1 : 1)));
}
