import type { PolicyNames } from "../config/resource/resiliency.ts";

/** Types of components, as the names of default policies and metrics spell them. */
export type ComponentKind =
  | "Binding"
  | "Configuration"
  | "Lock"
  | "Pubsub"
  | "Crypto"
  | "Conversation"
  | "Secretstore"
  | "Statestore";

export type Direction = "inbound" | "outbound";

/** Names that are defined, by kind of policy. */
export interface DefinedNames {
  readonly timeouts: { has(name: string): boolean };
  readonly retries: { has(name: string): boolean };
  readonly breakers: { has(name: string): boolean };
}

/** What apps and actors are called in the names of default policies, most special first. */
export const appLevels: readonly string[] = ["App"];
export const actorLevels: readonly string[] = ["Actor"];

/** What a component is called in the names of default policies, most special first. */
export function componentLevels(kind: ComponentKind, direction: Direction): readonly string[] {
  const side = direction === "inbound" ? "Inbound" : "Outbound";
  return [`${kind}Component${side}`, `Component${side}`, "Component"];
}

/** The default policies of a target without policies of its own: of each kind the first that is defined; undefined without any. */
export function defaultNames(levels: readonly string[], defined: DefinedNames): PolicyNames | undefined {
  const first = (names: { has(name: string): boolean }, kind: string): string => {
    for (const level of [...levels, ""]) {
      const name = `Default${level}${kind}Policy`;
      if (names.has(name)) return name;
    }
    return "";
  };
  const found = {
    timeout: first(defined.timeouts, "Timeout"),
    retry: first(defined.retries, "Retry"),
    circuitBreaker: first(defined.breakers, "CircuitBreaker"),
  };
  return found.timeout === "" && found.retry === "" && found.circuitBreaker === "" ? undefined : found;
}
