import type { Clock } from "../../../src/kit/clock.ts";
import type { Sighting } from "./records.ts";

/** How long an address is believed after it was last seen. */
const believedMs = 60_000;
/** An app that nobody asked for during so long is not refreshed any more. */
const forgottenMs = 300_000;

interface Known {
  readonly addresses: Map<string, { readonly family: 4 | 6; seenAt: number }>;
  readonly waiting: Set<() => void>;
  askedAt: number;
}

/** What was seen of the apps that somebody asked for. */
export class Sightings {
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isWanted(appId: string): boolean {
    return this.#known.has(appId);
  }

  /** The live addresses of an app, IPv4 alone when there is any. Marks it as asked for. */
  ask(appId: string): string[] {
    const known = this.#entry(appId);
    const now = this.#clock.monotonic();
    known.askedAt = now;
    const four: string[] = [];
    const six: string[] = [];
    for (const [address, { family, seenAt }] of known.addresses) {
      if (now - seenAt < believedMs) (family === 4 ? four : six).push(address);
    }
    return four.length > 0 ? four : six;
  }

  /** Calls back once when an address of the app is seen; the answer stops the waiting. */
  wait(appId: string, seen: () => void): () => void {
    const { waiting } = this.#entry(appId);
    waiting.add(seen);
    return () => waiting.delete(seen);
  }

  take({ appId, address, family, isGone }: Sighting): void {
    const known = this.#known.get(appId);
    if (known === undefined) return;
    if (isGone) {
      known.addresses.delete(address);
      return;
    }
    known.addresses.set(address, { family, seenAt: this.#clock.monotonic() });
    for (const seen of [...known.waiting]) seen();
  }

  /** Forgets an address that did not answer, unless it is the only one: somebody may come back there. */
  drop(appId: string, address: string): void {
    const addresses = this.#known.get(appId)?.addresses;
    if (addresses !== undefined && addresses.size > 1) addresses.delete(address);
  }

  /** Apps worth another question; what is too old is dropped. */
  refreshable(): string[] {
    const now = this.#clock.monotonic();
    for (const [appId, known] of this.#known) {
      if (known.waiting.size === 0 && now - known.askedAt > forgottenMs) {
        this.#known.delete(appId);
        continue;
      }
      for (const [address, { seenAt }] of known.addresses) {
        if (now - seenAt >= believedMs) known.addresses.delete(address);
      }
    }
    return [...this.#known.keys()];
  }

  #entry(appId: string): Known {
    let known = this.#known.get(appId);
    if (known === undefined) {
      known = { addresses: new Map(), waiting: new Set(), askedAt: this.#clock.monotonic() };
      this.#known.set(appId, known);
    }
    return known;
  }
}
