/** How many tests of a report did what. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A test that failed, or what else did beside all tests. */
export interface TestFailure {
  /** Its file, with the line where that is known; empty when the report does not tell. */
  readonly where: string;
  readonly name: string;
  /** The lines of its error, without the stack. */
  readonly error: readonly string[];
}

// A value may hold a ">" that is not escaped.
const values = String.raw`((?:\s+[\w:-]+="[^"]*")*)\s*`;
const testCase = new RegExp(String.raw`<testcase${values}(?:/>|>([\s\S]*?)</testcase>)`, "g");
const failure = new RegExp(String.raw`<(?:failure|error)${values}(?:/>|>([\s\S]*?)</(?:failure|error)>)`);

interface Case {
  readonly attributes: string;
  /** As the report writes it. */
  readonly name: string;
  readonly body: string;
  /** It only holds others. */
  readonly isHolder: boolean;
}

/** The tests of a JUnit report. One runner lists those that hold others too, under names that begin the names of what they hold. */
function casesOf(report: string): Case[] {
  const cases = [...report.matchAll(testCase)].map(([, attributes = "", body = ""]) => ({
    attributes,
    name: attribute(attributes, "name"),
    body,
  }));
  const holders = new Set<string>();
  for (const { name } of cases) {
    const parts = name.split(" &gt; ");
    for (let end = 1; end < parts.length; end++) holders.add(parts.slice(0, end).join(" &gt; "));
  }
  return cases.map((each) => ({ ...each, isHolder: holders.has(each.name) }));
}

const attribute = (attributes: string, name: string): string =>
  new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";

const characters: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&", "#10": "\n" };

/** The text that the report escaped; one runner escapes quotes in names twice. */
function plain(text: string): string {
  const once = (escaped: string): string =>
    escaped.replaceAll(/&(lt|gt|quot|apos|amp|#10);/g, (_, name: string) => characters[name] ?? "");
  return once(text).replaceAll("&quot;", '"');
}

/** Counts the tests of a JUnit report, whichever runner wrote it. Tests that only hold others are not counted. */
export function countTests(report: string): TestCounts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { body, isHolder } of casesOf(report)) {
    if (isHolder) continue;
    if (failure.test(body)) counts.failed++;
    else if (/<skipped\b/.test(body)) counts.skipped++;
    else counts.passed++;
  }
  return counts;
}

const isOfStack = (line: string): boolean => /^\s*at .*\d+:\d+\)?(?: \{)?$/.test(line);
const isWrapping = (line: string): boolean => /ERR_TEST_FAILURE|^\s*failureType:|^[\s\]{}]*$/.test(line);

/** The error's own lines: after "cause:" where a runner wraps it, and up to the stack. */
function errorLines(message: string, body: string): string[] {
  const [, cause] = /^\s*cause: ([\s\S]*)/m.exec(body) ?? [];
  const lines = (cause ?? body).split("\n");
  const end = lines.findIndex(isOfStack);
  const own = lines.slice(0, end < 0 ? undefined : end).filter((line) => !isWrapping(line));
  return own.length > 0 ? own : message.split("\n");
}

/** The failed tests of a JUnit report, whichever runner wrote it. */
export function readFailures(report: string): TestFailure[] {
  return casesOf(report).flatMap(({ attributes, name, body }) => {
    const [found, about = "", inner = ""] = failure.exec(body) ?? [];
    const message = plain(attribute(about, "message"));
    if (found === undefined || /^\d+ test steps? failed/.test(message)) return [];
    const text = plain(inner);
    // Steps of one runner and all tests of another are told of without their file: the stack has it.
    const named = [attribute(attributes, "file"), attribute(attributes, "classname")].find((file) =>
      /\.test\.\w+$/.test(file),
    );
    const [, traced = ""] = /([\w./@-]+\.test\.\w+:\d+)/.exec(text) ?? [];
    const where = named === undefined ? traced : `${named}:${attribute(attributes, "line")}`;
    return [{ where: plain(where), name: plain(name), error: errorLines(message, text) }];
  });
}

/** What failed beside all tests of a run on Bun, whose report says nothing of it. */
export function readStrayErrors(output: string): TestFailure[] {
  const blocks = output.matchAll(/^# Unhandled error between tests\n-+\n([\s\S]*?)^-+$/gm);
  return [...blocks].map(([, text = ""]) => ({
    where: /([\w./@-]+\.ts:\d+)/.exec(text)?.[1] ?? "",
    name: "an error between tests",
    error: text.split("\n").filter((line) => line.trim() !== "" && !isOfStack(line) && !/^\s*(?:\d+ \||\^)/.test(line)),
  }));
}

/** Lines that tell of failures, at most about `most` of them: the more failures, the fewer lines of each error. */
export function tellFailures(
  suites: readonly { readonly suite: string; readonly failures: readonly TestFailure[] }[],
  most = 36,
): string[] {
  const all = suites.flatMap(({ suite, failures }) => failures.map((each) => ({ suite, ...each })));
  const each = Math.max(1, Math.min(10, Math.floor(most / Math.max(1, all.length)) - 1));
  return all.flatMap(({ suite, where, name, error }) => [
    `FAILED ${suite}: ${[where, name].filter((part) => part !== "").join(": ")}`,
    ...error.slice(0, each).map((line) => `  ${line}`),
  ]);
}
