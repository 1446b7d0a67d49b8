import { isTest, type SourceFile } from "./source-tree.ts";

const limits = { warn: 300, fail: 450 } as const;
const isExempt = (path: string): boolean =>
  isTest(path) ||
  path.startsWith("test/") ||
  path.startsWith("src/gen/") ||
  path.endsWith(".gen.ts") ||
  path.startsWith("src/errors/rows/");

/** Files over the size limit, and those close to it. */
export function checkSizes(files: readonly SourceFile[]): { faults: string[]; warnings: string[] } {
  const faults: string[] = [];
  const warnings: string[] = [];
  for (const file of files) {
    if (isExempt(file.path)) continue;
    if (file.lines > limits.fail)
      faults.push(`${file.path}: ${file.lines} lines, at most ${limits.fail}: split it by step of the request`);
    else if (file.lines > limits.warn) warnings.push(`${file.path}: ${file.lines} lines: does it do one thing?`);
  }
  return { faults, warnings };
}

interface Rule {
  readonly pattern: RegExp;
  readonly where: (path: string) => boolean;
  /** Files whose text matches are left alone. */
  readonly unless?: RegExp;
  readonly says: string;
}

const inSource = (path: string): boolean =>
  (path.startsWith("src/") || path.startsWith("components/")) && !path.startsWith("src/gen/");
const outsidePlatform = (path: string): boolean => inSource(path) && !path.startsWith("src/platform/");
const outsideEdges = (path: string): boolean => outsidePlatform(path) && !path.startsWith("src/entry/");

const rules: readonly Rule[] = [
  {
    pattern:
      /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask\.delay)\s*\(|\bDate\.now\s*\(|\bnew Date\(\)|\bperformance\.now\s*\(|\bMath\.random\s*\(|\bcrypto\.(?:randomUUID|getRandomValues)\s*\(|\bAbortSignal\.timeout\s*\(/,
    where: outsidePlatform,
    says: "clock, timers and randomness come from the platform",
  },
  {
    pattern: /(?<![\w.$"'`/-])(?:Bun|Deno|Buffer)\s*\./,
    where: outsideEdges,
    says: "only src/platform and src/entry may name a runtime",
  },
  {
    pattern: /(?<![\w.$"'`/-])process\s*\./,
    where: outsideEdges,
    // The platform's process control goes by the same name where it was taken from a parameter.
    unless: /\{[^{}]*\bprocess\b[^{}]*\}\s*[=:)]/,
    says: "only src/platform and src/entry may name a runtime",
  },
  {
    pattern: /from "(?:node|bun):/,
    where: (path) => outsideEdges(path) && path.startsWith("src/"),
    says: "only src/platform may import built-ins",
  },
  { pattern: /\bexport \* /, where: inSource, says: "no export *" },
  { pattern: /\beval\s*\(|\bnew Function\s*\(/, where: inSource, says: "no code from strings" },
  {
    pattern: /:\s*any\b|\bas any\b|<any>|@ts-ignore|@ts-nocheck/,
    where: () => true,
    says: "no any, no silenced types",
  },
  { pattern: /^(?:export )?let |^(?:export )?var /m, where: inSource, says: "no module-level state" },
];

/** Places that break a house rule, one line each: `file:line: rule`. */
export function checkText(files: readonly SourceFile[]): string[] {
  const faults: string[] = [];
  for (const file of files) {
    if (isTest(file.path) || file.path.startsWith("src/gen/") || file.path.endsWith("structure/check-text.ts"))
      continue;
    const active = rules.filter((rule) => rule.where(file.path) && !rule.unless?.test(file.text));
    file.text.split("\n").forEach((line, index) => {
      const code = line.replace(/^\s*(?:\/\/|\*|\/\*).*$/, "").replace(/\s\/\/ .*$/, "");
      for (const rule of active) if (rule.pattern.test(code)) faults.push(`${file.path}:${index + 1}: ${rule.says}`);
    });
  }
  return faults;
}
