import type { Figure, Limit, Sample } from "./figure.ts";
import { median, type Row } from "./verdict.ts";

const show = (value: number): string =>
  Number.isNaN(value)
    ? "–"
    : value >= 1000
      ? Math.round(value).toLocaleString("en-US")
      : String(Number(value.toPrecision(3)));

const withUnit = (value: number, unit: Figure["unit"]): string =>
  Number.isNaN(value) ? "–" : `${show(value)} ${unit}`;

const showLimit = (limit: Limit, unit: Figure["unit"]): string => {
  const sign = limit.atMost === undefined ? "≥" : "≤";
  const bound = limit.atMost ?? limit.atLeast ?? Number.NaN;
  if (limit.of === "value") return `${sign} ${withUnit(bound, unit)}`;
  return `${sign} ${show(bound)} × ${limit.of}`;
};

const showGenerator = (row: Row): string => {
  const samples: readonly Sample[] = row.figure.pillion ?? row.figure.daprd ?? row.figure.echo ?? [];
  const states = samples.flatMap((sample) => sample.generator ?? []);
  if (states.length === 0) return "–";
  const cpu = `${Math.round(median(states.map((state) => state.cpu)) * 100)} %`;
  if (states[0]?.mode === "closed") return cpu;
  const lag = (pick: "lagP50" | "lagP99") => Math.round(median(states.map((state) => state[pick])));
  return `${cpu}, ${lag("lagP50")} / ${lag("lagP99")} µs`;
};

/** A Markdown table: one line per judged figure. */
export const renderTable = (rows: readonly Row[]): string => {
  const head = [
    "measure",
    "pillion",
    "echo",
    "÷ echo",
    "daprd",
    "daprd ÷ echo",
    "÷ daprd",
    "limit",
    "verdict",
    "generator: CPU, lag p50 / p99",
  ];
  const lines = rows.map((row) => {
    const { figure } = row;
    const verdict = row.reason === "" ? row.verdict : `${row.verdict} (${row.reason})`;
    return [
      figure.title,
      withUnit(row.pillion, figure.unit),
      withUnit(row.echo, figure.unit),
      show(row.pillionToEcho),
      withUnit(row.daprd, figure.unit),
      show(row.daprdToEcho),
      show(row.pillionToDaprd),
      figure.limits.map((limit) => showLimit(limit, figure.unit)).join(", ") || "–",
      verdict,
      showGenerator(row),
    ];
  });
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
};
