import type { CircuitBreakerSpec } from "../config/resource/resiliency.ts";
import type { CelProgram } from "../kit/cel.ts";
import type { Clock } from "../kit/clock.ts";
import { PolicyError } from "../kit/policy.ts";
import { durationField } from "./duration.ts";

/** What a breaker counts since its state began, or since the interval did. */
export interface BreakerCounts {
  requests: number;
  totalSuccesses: number;
  totalFailures: number;
  consecutiveSuccesses: number;
  consecutiveFailures: number;
}

/** When a breaker opens, and what lets it close again. Times in milliseconds. */
export interface BreakerSettings {
  readonly name: string;
  /** Calls at once while it is half-open; so many must succeed in a row to close it. */
  readonly maxRequests: number;
  /** While it is closed, the counts start anew so often; 0: never. */
  readonly intervalMs: number;
  /** How long it stays open. */
  readonly timeoutMs: number;
  /** Asked after each failure of a closed breaker. */
  readonly trips: (counts: Readonly<BreakerCounts>) => boolean;
}

export type BreakerState = "closed" | "half-open" | "open";

const defaultTimeoutMs = 60_000;
const defaultFailures = 5;
const none: Readonly<BreakerCounts> = Object.freeze({
  requests: 0,
  totalSuccesses: 0,
  totalFailures: 0,
  consecutiveSuccesses: 0,
  consecutiveFailures: 0,
});

/** The breaker of a resource; `trip` is its compiled expression, if it has one. Throws an Error that says what is wrong with it. */
export function readBreaker(name: string, spec: CircuitBreakerSpec, trip: CelProgram | undefined): BreakerSettings {
  try {
    const timeoutMs = durationField(spec.timeout, 0);
    if (spec.maxRequests < 0 || spec.maxRequests > 0xffff_ffff) {
      throw new Error(`maxRequests ${spec.maxRequests} is out of range`);
    }
    return {
      name,
      maxRequests: spec.maxRequests || 1,
      intervalMs: Math.max(0, durationField(spec.interval, 0)),
      timeoutMs: timeoutMs > 0 ? timeoutMs : defaultTimeoutMs,
      trips: trip === undefined ? (counts) => counts.consecutiveFailures > defaultFailures : tripsBy(trip),
    };
  } catch (cause) {
    const why = (cause as Error).message;
    throw new Error(`invalid circuit breaker configuration ${JSON.stringify(name)}: ${why}`, { cause });
  }
}

/** The variables of a trip expression. */
export function tripVariables(counts: Readonly<BreakerCounts>): Readonly<Record<string, bigint>> {
  return {
    requests: BigInt(counts.requests),
    totalSuccesses: BigInt(counts.totalSuccesses),
    totalFailures: BigInt(counts.totalFailures),
    consecutiveSuccesses: BigInt(counts.consecutiveSuccesses),
    consecutiveFailures: BigInt(counts.consecutiveFailures),
  };
}

/** compat: pkg/resiliency/breaker does not trip when the expression fails or gives no boolean. */
function tripsBy(program: CelProgram): BreakerSettings["trips"] {
  return (counts) => {
    try {
      return program(tripVariables(counts)) === true;
    } catch {
      return false;
    }
  };
}

/** Lets calls pass while they succeed; refuses them for a time when they fail too often; then tries a few. */
export class Breaker {
  readonly name: string;
  readonly #settings: BreakerSettings;
  readonly #clock: Clock;
  readonly #changed: (from: BreakerState, to: BreakerState) => void;
  #state: BreakerState = "closed";
  #generation = 0;
  #counts: BreakerCounts = { ...none };
  /** Monotonic time when the state, or the interval, is over; 0: it is not. */
  #expiry = 0;

  constructor(
    name: string,
    settings: BreakerSettings,
    clock: Clock,
    changed: (from: BreakerState, to: BreakerState) => void,
  ) {
    this.name = name;
    this.#settings = settings;
    this.#clock = clock;
    this.#changed = changed;
    this.#begin();
  }

  /** The state now: an open breaker whose time is over is half-open. */
  get state(): BreakerState {
    this.#advance();
    return this.#state;
  }

  /** Begins a call and gives its ticket for `leave`. Throws PolicyError when the call may not be made. */
  enter(): number {
    this.#advance();
    if (this.#state === "open") throw new PolicyError("open");
    if (this.#state === "half-open" && this.#counts.requests >= this.#settings.maxRequests) {
      throw new PolicyError("tooMany");
    }
    this.#counts.requests++;
    return this.#generation;
  }

  /** The call of a ticket is over. One that began under an earlier state or interval does not count. */
  leave(ticket: number, succeeded: boolean): void {
    this.#advance();
    if (ticket !== this.#generation) return;
    const counts = this.#counts;
    if (succeeded) {
      counts.totalSuccesses++;
      counts.consecutiveSuccesses++;
      counts.consecutiveFailures = 0;
      if (this.#state === "half-open" && counts.consecutiveSuccesses >= this.#settings.maxRequests) this.#to("closed");
    } else {
      counts.totalFailures++;
      counts.consecutiveFailures++;
      counts.consecutiveSuccesses = 0;
      if (this.#state === "half-open" || this.#settings.trips(counts)) this.#to("open");
    }
  }

  #advance(): void {
    if (this.#expiry === 0 || this.#clock.monotonic() <= this.#expiry) return;
    if (this.#state === "open") this.#to("half-open");
    else this.#begin();
  }

  #to(state: BreakerState): void {
    const from = this.#state;
    this.#state = state;
    this.#begin();
    this.#changed(from, state);
  }

  #begin(): void {
    this.#generation++;
    this.#counts = { ...none };
    const { intervalMs, timeoutMs } = this.#settings;
    const lasts = this.#state === "open" ? timeoutMs : this.#state === "closed" ? intervalMs : 0;
    this.#expiry = lasts === 0 ? 0 : this.#clock.monotonic() + lasts;
  }
}
