import type { RetrySpec } from "../config/resource/resiliency.ts";
import type { Clock } from "../kit/clock.ts";
import { PolicyError, type PolicyUse } from "../kit/policy.ts";
import type { Random } from "../kit/random.ts";
import { type BackOff, type BackOffSettings, createBackOff } from "./back-off.ts";
import { durationField } from "./duration.ts";
import { type CodeMatch, isRepeatedCode, readCodeMatch } from "./status-codes.ts";

/** A retry policy. */
export interface RetrySettings extends BackOffSettings {
  /** undefined: every status is repeated. */
  readonly match?: CodeMatch;
}

/** What a resource's retry has where it says nothing (dapr/kit `retry.DefaultConfig`). */
export const retryDefaults: RetrySettings = Object.freeze({
  kind: "constant",
  pauseMs: 5_000,
  firstMs: 500,
  growth: 1.5,
  longestMs: 60_000,
  jitter: 0.5,
  totalMs: 900_000,
  maxRetries: -1,
});

/** The retry policy of a resource. Throws an Error that says what is wrong with it. */
export function readRetry(name: string, spec: RetrySpec): RetrySettings {
  let waits: Pick<RetrySettings, "kind" | "pauseMs" | "longestMs">;
  try {
    waits = {
      kind: readKind(spec.policy),
      pauseMs: durationField(spec.duration, retryDefaults.pauseMs),
      longestMs: durationField(spec.maxInterval, retryDefaults.longestMs),
    };
  } catch (cause) {
    throw new Error(`invalid retry configuration ${JSON.stringify(name)}: ${(cause as Error).message}`, { cause });
  }
  const { httpStatusCodes, gRPCStatusCodes } = spec.matching;
  return {
    ...retryDefaults,
    ...waits,
    maxRetries: spec.maxRetries ?? retryDefaults.maxRetries,
    match: readCodeMatch(httpStatusCodes, gRPCStatusCodes),
  };
}

function readKind(text: string): "constant" | "exponential" {
  const kind = text.toLowerCase();
  if (kind === "" || kind === "constant") return "constant";
  if (kind === "exponential") return kind;
  throw new Error(`invalid PolicyType ${JSON.stringify(text)}: unexpected back off policy type: ${text}`);
}

/** What the tries of one operation need. */
export interface RetryRun {
  readonly settings: RetrySettings;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the pauses too. */
  readonly signal: AbortSignal;
  /** This try failed and is about to be repeated. */
  failed(error: unknown, pauseMs: number, number: number): void;
  /** It succeeded after so many tries, the first of which failed. */
  recovered(tries: number): void;
}

/** Tries until there is a result, or no further try. Rejects with the last try's error, or the signal's reason. */
export async function retryAttempts<T>(
  attempt: (number: number) => Promise<T>,
  run: RetryRun,
  use: PolicyUse<T> | undefined,
): Promise<T> {
  const { settings, clock, signal } = run;
  const startedAt = clock.monotonic();
  let backOff: BackOff | undefined;
  for (let number = 1; ; number++) {
    let failure: unknown;
    try {
      const result = await attempt(number);
      if (number > 1) run.recovered(number);
      return result;
    } catch (error) {
      failure = error;
    }
    if (signal.aborted || isFinal(failure, settings, use)) throw failure;
    backOff ??= createBackOff(settings, startedAt, clock, run.random);
    const pauseMs = backOff.next();
    if (pauseMs === undefined) throw failure;
    run.failed(failure, pauseMs, number);
    use?.dropped?.(failure);
    await clock.sleep(pauseMs, signal);
  }
}

function isFinal<T>(error: unknown, settings: RetrySettings, use: PolicyUse<T> | undefined): boolean {
  if (PolicyError.is(error) && error.kind !== "timeout") return true;
  const verdict = use?.judge?.(error);
  return verdict === "stop" || (verdict !== undefined && !isRepeatedCode(verdict, settings.match));
}
