import type { JWK } from "jose";
import type { DriverLog } from "../../../src/driver/context.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { fetchWithin } from "../../_shared/fetch-within.ts";

/** The public keys of a provider by their id. */
export interface KeySet {
  /** The key for signatures of this id; one that is not known is looked for anew, but not more often than every half minute. */
  find(id: string): Promise<JWK | undefined>;
}

export interface KeySetOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly log: DriverLog;
  readonly signal: AbortSignal;
}

const requestMs = 30_000;
/** Keys are used for at least so long before they are fetched again. */
const refreshMs = 600_000;
const unknownKeyMs = 30_000;

/** Milliseconds for which an answer may be kept. */
function freshness(headers: Headers, now: number): number {
  const age = /(?:^|[\s,])max-age=(\d+)/i.exec(headers.get("cache-control") ?? "");
  const expires = Date.parse(headers.get("expires") ?? "");
  const ms = age !== null ? Number(age[1]) * 1000 : Number.isNaN(expires) ? 0 : expires - now;
  return Math.max(refreshMs, ms);
}

function readKeys(text: string): Map<string, JWK> {
  const document = JSON.parse(text) as { readonly keys?: unknown; readonly kty?: unknown } | null;
  // A single key is a set as well.
  const list: unknown = document?.keys ?? (document?.kty === undefined ? undefined : [document]);
  if (!Array.isArray(list)) throw new Error("the document holds no keys");
  const keys = new Map<string, JWK>();
  for (const key of list as (JWK | null)[]) {
    if (typeof key?.kty !== "string" || typeof key.kid !== "string" || keys.has(key.kid)) continue;
    if (key.use === undefined || key.use === "sig") keys.set(key.kid, key);
  }
  return keys;
}

/** Fetches a key set and keeps it fresh as requests come: what is old is used until the new one is there. Rejects when the first fetch fails. */
export async function createKeySet({ url, clock, log, signal }: KeySetOptions): Promise<KeySet> {
  let keys = new Map<string, JWK>();
  let refreshAt = 0;
  let askedAt = 0;
  let refreshing: Promise<void> | undefined;

  async function load(until?: AbortSignal): Promise<void> {
    askedAt = clock.now();
    const limit = { clock, ms: requestMs, ...(until !== undefined && { signal: until }) };
    const { status, headers, text } = await fetchWithin(url, {}, limit);
    if (status !== 200) throw new Error(`"${url}" answered with status ${status}`);
    keys = readKeys(text);
    refreshAt = clock.now() + freshness(headers, clock.now());
  }

  function refresh(): Promise<void> {
    refreshing ??= load()
      .catch((error: unknown) => {
        refreshAt = clock.now() + unknownKeyMs;
        log.warn(`Error while refreshing JWKS cache: ${error instanceof Error ? error.message : String(error)}`);
      })
      .finally(() => {
        refreshing = undefined;
      });
    return refreshing;
  }

  await load(signal);
  return {
    async find(id) {
      if (clock.now() >= refreshAt) void refresh();
      const key = keys.get(id);
      if (key !== undefined) return key;
      if (refreshing === undefined && clock.now() - askedAt < unknownKeyMs) return undefined;
      await refresh();
      return keys.get(id);
    },
  };
}
