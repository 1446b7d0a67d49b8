import type { Clock } from "../../../src/kit/clock.ts";
import { fetchWithin } from "../../_shared/fetch-within.ts";
import { type AgentSettings, waitText } from "./consul-settings.ts";

/** Options of a look-up, in the API's names; times in nanoseconds. */
export interface QueryFields {
  readonly Datacenter?: string;
  readonly WaitHash?: string;
  readonly Token?: string;
  readonly Near?: string;
  readonly Filter?: string;
  readonly MaxAge?: number;
  readonly StaleIfError?: number;
  readonly WaitIndex?: number;
  readonly WaitTime?: number;
  readonly NodeMeta?: Readonly<Record<string, string>>;
  readonly AllowStale?: boolean;
  readonly RequireConsistent?: boolean;
  readonly UseCache?: boolean;
  readonly RelayFactor?: number;
  readonly LocalOnly?: boolean;
  readonly Connect?: boolean;
}

/** One instance of a service. */
export interface ServiceEntry {
  readonly Node?: { readonly Address?: string } | null;
  readonly Service?: { readonly Address?: string; readonly Meta?: Readonly<Record<string, string>> | null } | null;
}
/** The state of one check. */
export interface HealthCheck {
  readonly Node?: string;
  readonly ServiceID?: string;
  readonly ServiceName?: string;
  readonly Status?: string;
}

/** The HTTP API of an agent. Everything rejects with an Error that says what the agent did not do. */
export interface ConsulAgent {
  self(signal: AbortSignal): Promise<void>;
  register(service: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void>;
  deregister(id: string): Promise<void>;
  /** Instances whose checks pass. */
  healthy(service: string, query: QueryFields, signal: AbortSignal): Promise<readonly ServiceEntry[]>;
  /** Checks in any state; with a WaitIndex the answer comes when there is something newer, or after the wait. */
  checks(
    query: QueryFields,
    signal: AbortSignal,
  ): Promise<{ readonly checks: readonly HealthCheck[]; readonly index: number }>;
}

const answerMs = 30_000;
/** What the API waits for something newer unless it is told otherwise. */
const usualWaitMs = 300_000;

/** A client of the agent. */
export function createConsulAgent({ base, headers, query: always, tls }: AgentSettings, clock: Clock): ConsulAgent {
  async function send(
    method: string,
    path: string,
    options: {
      readonly query?: QueryFields;
      readonly params?: readonly (readonly [string, string])[];
      readonly body?: unknown;
      readonly ms?: number;
      readonly signal?: AbortSignal;
    } = {},
  ) {
    const { query = {}, params = [], body, ms = answerMs, signal } = options;
    const search = new URLSearchParams(
      [...withoutOverridden(always, query), ...params, ...queryParameters(query)].map(([key, value]) => [key, value]),
    );
    const text = search.size === 0 ? "" : `?${search}`;
    const init: RequestInit = {
      method,
      headers: {
        ...headers,
        ...queryHeaders(query),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // portable: Bun would give up after five minutes, and only Bun takes certificates.
      ...({ timeout: false, ...(tls !== undefined && { tls }) } as RequestInit),
    };
    const limit = { clock, ms, ...(signal !== undefined && { signal }) };
    const answer = await fetchWithin(`${base}${path}${text}`, init, limit);
    if (answer.status !== 200) throw new Error(`Unexpected response code: ${answer.status} (${answer.text.trim()})`);
    return answer;
  }
  const list = (text: string, what: string): readonly unknown[] => {
    const found: unknown = JSON.parse(text);
    if (found === null) return [];
    if (!Array.isArray(found)) throw new Error(`the agent's answer to ${what} is no list`);
    return found;
  };

  return {
    async self(signal) {
      await send("GET", "/v1/agent/self", { signal });
    },
    async register(service, signal) {
      await send("PUT", "/v1/agent/service/register", { body: service, signal });
    },
    async deregister(id) {
      await send("PUT", `/v1/agent/service/deregister/${encodeURIComponent(id)}`);
    },
    async healthy(service, query, signal) {
      const path = `/v1/health/service/${encodeURIComponent(service)}`;
      const { text } = await send("GET", path, { query, params: [["passing", "1"]], signal });
      return list(text, path) as readonly ServiceEntry[];
    },
    async checks(query, signal) {
      const wait = query.WaitTime === undefined ? usualWaitMs : query.WaitTime / 1e6;
      // The agent adds up to a sixteenth of the wait.
      const ms = query.WaitIndex ? wait * (17 / 16) + answerMs : answerMs;
      const { text, headers: fields } = await send("GET", "/v1/health/state/any", { query, ms, signal });
      const index = Number(fields.get("x-consul-index") ?? "");
      return { checks: list(text, "health checks") as readonly HealthCheck[], index: Math.max(index || 0, 0) };
    },
  };
}

/** What every request says, less what this one says itself. */
function withoutOverridden(always: AgentSettings["query"], query: QueryFields): AgentSettings["query"] {
  return always.filter(([key]) => !(key === "dc" && query.Datacenter) && !(key === "wait" && query.WaitTime));
}

function queryParameters(query: QueryFields): (readonly [string, string])[] {
  const found: [string, string][] = [];
  if (query.Datacenter) found.push(["dc", query.Datacenter]);
  if (query.AllowStale) found.push(["stale", ""]);
  if (query.RequireConsistent) found.push(["consistent", ""]);
  if (query.WaitIndex) found.push(["index", String(query.WaitIndex)]);
  if (query.WaitTime) found.push(["wait", waitText(query.WaitTime)]);
  if (query.WaitHash) found.push(["hash", query.WaitHash]);
  if (query.Near) found.push(["near", query.Near]);
  if (query.Filter) found.push(["filter", query.Filter]);
  for (const [key, value] of Object.entries(query.NodeMeta ?? {})) found.push(["node-meta", `${key}:${value}`]);
  if (query.RelayFactor) found.push(["relay-factor", String(query.RelayFactor)]);
  if (query.LocalOnly) found.push(["local-only", "true"]);
  if (query.Connect) found.push(["connect", "true"]);
  if (isCached(query)) found.push(["cached", ""]);
  return found;
}

function isCached(query: QueryFields): boolean {
  return query.UseCache === true && query.RequireConsistent !== true;
}

function queryHeaders(query: QueryFields): Record<string, string> {
  const rules: string[] = [];
  if (isCached(query) && query.MaxAge) rules.push(`max-age=${Math.round(query.MaxAge / 1e9)}`);
  if (isCached(query) && query.StaleIfError) rules.push(`stale-if-error=${Math.round(query.StaleIfError / 1e9)}`);
  return {
    ...(query.Token ? { "x-consul-token": query.Token } : {}),
    ...(rules.length > 0 ? { "cache-control": rules.join(", ") } : {}),
  };
}
