import { compileGoRegexp } from "./go-regexp.ts";

/** A compiled CEL expression. Throws when it cannot be evaluated, for example where it reads a member that is not there. */
export type CelProgram = (variables: Readonly<Record<string, unknown>>) => unknown;

/** Compiles CEL; variables need no declaration. */
export type CelCompiler = (expression: string) => CelProgram;

/** A method of the package's own, with JavaScript's regular expressions, that cannot be replaced. */
const packageMatches = "matches";
/** Ours. No expression can name it. */
const ourMatches = "matches (RE2)";
const mostPatterns = 100;

/** Loads the compiler when the first expression appears. Compiling throws an Error that shows the place of a fault. */
export async function loadCel(): Promise<CelCompiler> {
  const { Environment } = await import("@marcbachmann/cel-js");
  const patterns = new Map<string, RegExp>();
  const matches = (text: string, source: string): boolean => {
    let pattern = patterns.get(source);
    if (pattern === undefined) {
      pattern = compileGoRegexp(source);
      // Patterns may be data of events.
      if (patterns.size >= mostPatterns) patterns.clear();
      patterns.set(source, pattern);
    }
    return pattern.test(text);
  };
  const environment = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false })
    .registerFunction("matches(string, string): bool", matches)
    .registerFunction({
      name: ourMatches,
      receiverType: "string",
      returnType: "bool",
      params: [{ name: "pattern", type: "string" }],
      handler: matches,
    });
  return (expression) => {
    const program = environment.parse(expression);
    rename(program.ast);
    return (variables) => program({ ...variables }) as unknown;
  };
}

/** Leads the calls of the package's method below a node of the parsed expression to ours. */
function rename(node: unknown): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) {
    for (const one of node) rename(one);
    return;
  }
  const { op, args, meta } = node as { op?: unknown; args?: unknown; meta?: { alternate?: unknown } };
  if (op === undefined) {
    // The parts of a macro, by name.
    for (const part of Object.values(node)) rename(part);
    return;
  }
  if (op === "rcall" && Array.isArray(args) && args[0] === packageMatches) args[0] = ourMatches;
  rename(args);
  rename(meta?.alternate);
}
