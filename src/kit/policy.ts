/**
 * What a failed attempt asks for: "stop" ends the tries, a status is looked up among those that are repeated (0 to 16 as a gRPC
 * code, 100 to 599 as one of HTTP), undefined is repeated whatever the policy lists.
 */
export type Verdict = "stop" | number | undefined;

/** How one run of a policy is to see its attempts. */
export interface PolicyUse<T> {
  /** Without it every error is repeated. */
  judge?(error: unknown): Verdict;
  /** The failed attempt will be repeated: frees what its error holds, before the pause. */
  dropped?(error: unknown): void;
  /** When a result is not complete yet, for example a body under way: the timeout holds until then. */
  lasts?(result: T): Promise<void> | undefined;
}

/** Timeout, circuit breaker and retries around operations of one target. */
export interface Policy {
  readonly hasRetries: boolean;
  readonly hasTimeout: boolean;
  /**
   * Runs `attempt` (numbered from 1) as often as the policy wants and gives its last outcome. An attempt whose signal aborted is
   * given up: what it answers later is lost, so that it has to free that itself. Rejects with PolicyError when time is over or the
   * breaker refuses.
   */
  run<T>(
    attempt: (signal: AbortSignal, number: number) => Promise<T>,
    signal: AbortSignal,
    use?: PolicyUse<T>,
  ): Promise<T>;
}

export type PolicyErrorKind = "timeout" | "open" | "tooMany";

/** compat: the texts of Go's context package and of upstream's breaker library. */
const texts: Readonly<Record<PolicyErrorKind, string>> = {
  timeout: "context deadline exceeded",
  open: "circuit breaker is open",
  tooMany: "too many requests",
};
const marker = Symbol.for("pillion.PolicyError");

/** A policy ended an attempt, or did not let it begin. */
export class PolicyError extends Error {
  readonly [marker] = true;
  readonly kind: PolicyErrorKind;
  constructor(kind: PolicyErrorKind) {
    super(texts[kind]);
    this.name = kind === "timeout" ? "TimeoutError" : "PolicyError";
    this.kind = kind;
  }

  /** True also for errors made by another copy of this module. */
  static is(value: unknown): value is PolicyError {
    return typeof value === "object" && value !== null && marker in value;
  }
}
