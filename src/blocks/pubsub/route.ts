import { type CelProgram, loadCel } from "../../kit/cel.ts";
import type { RoutingRule } from "./model.ts";

/**
 * The path of an event, or undefined when no rule matches it. Throws when a rule cannot be evaluated or gives no boolean.
 */
export type Router = (event: unknown) => string | undefined;

interface CompiledRule {
  readonly path: string;
  /** undefined: matches all. */
  readonly program: CelProgram | undefined;
  readonly match: string;
}

/** Compiles the rules of a subscription. Rejects with an Error that names a faulty expression. */
export async function createRouter(rules: readonly RoutingRule[]): Promise<Router> {
  const compiled: CompiledRule[] = [];
  for (const { match: given, path } of rules) {
    const match = given.trim();
    if (match === "") {
      compiled.push({ path, program: undefined, match });
      continue;
    }
    const compile = await loadCel();
    try {
      compiled.push({ path, program: compile(match), match });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`cannot read routing rule ${JSON.stringify(match)}: ${why}`, { cause });
    }
  }
  return (event) => {
    for (const { path, program, match } of compiled) {
      if (program === undefined) return path;
      const result = program({ event });
      if (typeof result !== "boolean") throw new Error(`the result of match expression ${match} was not a boolean`);
      if (result) return path;
    }
    return undefined;
  };
}
