import { type RetrySettings, retryDefaults } from "./retry.ts";

/** Retries that the runtime has of its own; a resource may give them other values under the same names. */
export type BuiltInName =
  | "DaprBuiltInServiceRetries"
  | "DaprBuiltInActorRetries"
  | "DaprBuiltInActorReminderRetries"
  | "DaprBuiltInInitializationRetries"
  | "DaprBuiltInActorNotFoundRetries";

const eachSecond: RetrySettings = { ...retryDefaults, pauseMs: 1_000, maxRetries: 3 };
const builtIns: Readonly<Record<BuiltInName, RetrySettings>> = {
  DaprBuiltInServiceRetries: eachSecond,
  DaprBuiltInActorRetries: eachSecond,
  DaprBuiltInActorReminderRetries: { ...retryDefaults, kind: "exponential" },
  DaprBuiltInInitializationRetries: {
    ...retryDefaults,
    kind: "exponential",
    longestMs: 1_000,
    totalMs: 10_000,
    maxRetries: 3,
  },
  DaprBuiltInActorNotFoundRetries: { ...eachSecond, maxRetries: 5 },
};
const protectedNames: ReadonlySet<string> = new Set(["DaprBuiltInActorNotFoundRetries"]);
const fewestRetries = 3;

/** The built-in retries by name. */
export function builtInRetries(): Map<string, RetrySettings> {
  return new Map(Object.entries(builtIns));
}

/**
 * What a resource's retry of this name becomes: a built-in one repeats at least three times (compat: also when it should repeat
 * without end), a protected one stays as it is (undefined).
 */
export function overridden(
  name: string,
  retry: RetrySettings,
  warn: (message: string) => void,
): RetrySettings | undefined {
  if (!Object.hasOwn(builtIns, name)) return retry;
  if (protectedNames.has(name)) {
    warn(
      `Attempted to override protected policy ${name} which is not allowed. Ignoring provided policy and using default.`,
    );
    return undefined;
  }
  if (retry.maxRetries >= fewestRetries) return retry;
  warn(`Attempted override of ${name} did not meet minimum retry count, resetting to ${fewestRetries}.`);
  return { ...retry, maxRetries: fewestRetries };
}
