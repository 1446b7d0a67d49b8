/** How many tests of a report did what. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const testCase = /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/**
 * Counts the tests of a JUnit report, whichever runner wrote it. Tests that only hold others are not counted: one runner
 * lists them too, under a name that begins the names of what they hold.
 */
export function countTests(report: string): TestCounts {
  const cases = [...report.matchAll(testCase)].map(([, attributes = "", body = ""]) => ({
    name: /\bname="([^"]*)"/.exec(attributes)?.[1] ?? "",
    body,
  }));
  const holders = new Set<string>();
  for (const { name } of cases) {
    const parts = name.split(" &gt; ");
    for (let end = 1; end < parts.length; end++) holders.add(parts.slice(0, end).join(" &gt; "));
  }
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, body } of cases) {
    if (holders.has(name)) continue;
    if (/<(?:failure|error)\b/.test(body)) counts.failed++;
    else if (/<skipped\b/.test(body)) counts.skipped++;
    else counts.passed++;
  }
  return counts;
}
