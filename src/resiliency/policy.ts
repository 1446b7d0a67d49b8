import type { Clock } from "../kit/clock.ts";
import { formatDuration } from "../kit/duration.ts";
import type { Policy, PolicyUse } from "../kit/policy.ts";
import type { Random } from "../kit/random.ts";
import type { Breaker, BreakerState } from "./breaker.ts";
import { type RetrySettings, retryAttempts } from "./retry.ts";
import { limitTime } from "./timeout.ts";

/** The kinds of policies, by the names that metrics give them. */
export type PolicyKind = "timeout" | "retry" | "circuitbreaker";

/** Counts what policies of one target do. `status` is the state of a breaker, else empty. */
export interface TargetMeter {
  /** A policy applies to an operation. */
  executed(kind: PolicyKind, status: BreakerState | ""): void;
  /** It did something: ended an attempt, repeated one, changed its state. */
  activated(kind: PolicyKind, status: BreakerState | ""): void;
}

export interface PolicyLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** What policies need of their surroundings. */
export interface PolicyPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: PolicyLog;
}

/** What a policy is made of. */
export interface PolicyParts {
  /** For log lines: `endpoint[app, app:method]`. */
  readonly name: string;
  /** 0: none. */
  readonly timeoutMs: number;
  readonly retry: RetrySettings | undefined;
  readonly breaker: Breaker | undefined;
  /** Absent: nobody counts it. */
  readonly meter: TargetMeter | undefined;
}

/** Puts the parts around each other: retries outermost, then the breaker, then the timeout of each attempt. */
export function createPolicy(parts: PolicyParts, ports: PolicyPorts): Policy {
  const { name, timeoutMs, retry, breaker, meter } = parts;
  const { clock, random, log } = ports;

  const guarded = async <T>(run: () => Promise<T>): Promise<T> => {
    if (breaker === undefined) return run();
    const before = breaker.state;
    const ticket = breaker.enter();
    let succeeded = false;
    try {
      const result = await run();
      succeeded = true;
      return result;
    } finally {
      breaker.leave(ticket, succeeded);
      const { state } = breaker;
      if (state !== before) meter?.activated("circuitbreaker", state);
    }
  };

  return {
    hasRetries: retry !== undefined && retry.maxRetries !== 0,
    hasTimeout: timeoutMs > 0,
    run<T>(
      attempt: (signal: AbortSignal, number: number) => Promise<T>,
      signal: AbortSignal,
      use?: PolicyUse<T>,
    ): Promise<T> {
      if (timeoutMs > 0) meter?.executed("timeout", "");
      if (retry !== undefined) meter?.executed("retry", "");
      if (breaker !== undefined) meter?.executed("circuitbreaker", breaker.state);
      let isExpired = false;
      const limited = (number: number): Promise<T> => {
        if (timeoutMs <= 0) return attempt(signal, number);
        const limit = {
          ms: timeoutMs,
          clock,
          signal,
          expired() {
            if (!isExpired) meter?.activated("timeout", "");
            isExpired = true;
          },
        };
        return limitTime((limitedSignal) => attempt(limitedSignal, number), limit, use?.lasts?.bind(use));
      };
      const once = (number: number): Promise<T> =>
        breaker === undefined ? limited(number) : guarded(() => limited(number));
      if (retry === undefined) return once(1);
      return retryAttempts(
        once,
        {
          settings: retry,
          clock,
          random,
          signal,
          failed(error, pauseMs, number) {
            const line = `Error processing operation ${name}. Retrying in ${formatDuration(pauseMs)}…`;
            // compat: an operation warns and counts once, however often it is repeated (dapr/kit `retry.NotifyRecover`).
            if (number === 1) {
              meter?.activated("retry", "");
              log.warn(line);
            } else log.debug(line);
            log.debug(`Error for operation ${name} was: ${error instanceof Error ? error.message : String(error)}`);
          },
          recovered: (tries) => log.info(`Recovered processing operation ${name} after ${tries} attempts`),
        },
        use,
      );
    },
  };
}
