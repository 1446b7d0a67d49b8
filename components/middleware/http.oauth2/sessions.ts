import type { Clock } from "../../../src/kit/clock.ts";
import type { Random } from "../../../src/kit/random.ts";

/** What is known of one caller. */
export interface Session {
  readonly id: string;
  /** Where to go back to, by the states that were sent to the provider. */
  readonly wanted: Map<string, string>;
  /** Header value; undefined until the caller has signed in. */
  readonly token: string | undefined;
}

type CookieLine = readonly (readonly ["set-cookie", string])[];

export interface Sessions {
  find(cookie: string | null): Session | undefined;
  /** Remembers a state; the answer is the cookie of a session that did not exist before. */
  begin(session: Session | undefined, state: string, url: string): CookieLine;
  /** The session gets a new id with its token, so that nobody else's knowledge of the old one counts. */
  signIn(session: Session, token: string): CookieLine;
  clear(): void;
}

export interface SessionsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly isSecure: boolean;
}

const cookieName = "gosessionsid";
const lifeMs = 7_200_000;
/** Callers who did not come back yet: the oldest make room. */
const mostPending = 10_000;
const mostStates = 16;

interface Entry extends Session {
  readonly until: number;
}

/** Sessions in memory, for two hours each. */
export function createSessions({ clock, random, isSecure }: SessionsOptions): Sessions {
  const pending = new Map<string, Entry>();
  const signedIn = new Map<string, Entry>();

  /** Entries are in the order in which they end. */
  function sweep(entries: Map<string, Entry>, most: number): void {
    for (const [id, { until }] of entries) {
      if (until > clock.now() && entries.size < most) return;
      entries.delete(id);
    }
  }

  function add(entries: Map<string, Entry>, most: number, token: string | undefined): Entry {
    sweep(entries, most);
    const id = Array.from(random.bytes(32), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const entry: Entry = { id, wanted: new Map(), token, until: clock.now() + lifeMs };
    entries.set(id, entry);
    return entry;
  }

  function cookieOf(session: Session): CookieLine {
    const secure = isSecure ? "; Secure" : "";
    return [
      ["set-cookie", `${cookieName}=${session.id}; Path=/; Max-Age=${lifeMs / 1000}; HttpOnly; SameSite=Lax${secure}`],
    ];
  }

  return {
    find(cookie) {
      for (const part of (cookie ?? "").split(/[;,]\s*/)) {
        const at = part.indexOf("=");
        if (at < 0 || part.slice(0, at).trim() !== cookieName) continue;
        const id = part.slice(at + 1).trim();
        const entry = signedIn.get(id) ?? pending.get(id);
        if (entry !== undefined && entry.until > clock.now()) return entry;
      }
      return undefined;
    },
    begin(session, state, url) {
      const entry = session ?? add(pending, mostPending, undefined);
      const [oldest] = entry.wanted.keys();
      if (entry.wanted.size >= mostStates && oldest !== undefined) entry.wanted.delete(oldest);
      entry.wanted.set(state, url);
      return session === undefined ? cookieOf(entry) : [];
    },
    signIn(session, token) {
      pending.delete(session.id);
      return cookieOf(add(signedIn, Number.POSITIVE_INFINITY, token));
    },
    clear() {
      pending.clear();
      signedIn.clear();
    },
  };
}
