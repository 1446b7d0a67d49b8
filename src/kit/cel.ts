/** A compiled CEL expression. Throws when it cannot be evaluated, for example where it reads a member that is not there. */
export type CelProgram = (variables: Readonly<Record<string, unknown>>) => unknown;

/** Compiles CEL; variables need no declaration. */
export type CelCompiler = (expression: string) => CelProgram;

/** Loads the compiler when the first expression appears. Compiling throws an Error that shows the place of a fault. */
export async function loadCel(): Promise<CelCompiler> {
  const { Environment } = await import("@marcbachmann/cel-js");
  const environment = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false });
  // The package knows it as a method of strings alone.
  environment.registerFunction("matches(string, string): bool", (text: string, pattern: string) =>
    new RegExp(pattern).test(text),
  );
  return (expression) => {
    const program = environment.parse(expression);
    return (variables) => program({ ...variables }) as unknown;
  };
}
