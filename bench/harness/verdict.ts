import type { Figure, Limit, Sample } from "./figure.ts";

/** Above this share of a core the generator itself may have made the figure. */
export const generatorCpuLimit = 0.7;

/** The middle value; the mean of the two middle ones for an even count; NaN for none. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
};

const values = (samples: readonly Sample[] | undefined): number[] => (samples ?? []).map((sample) => sample.value);

/** Median over the rounds of one subject's value divided by the other's of the same round. */
export const medianRatio = (above: readonly Sample[] = [], below: readonly Sample[] = []): number =>
  median(above.slice(0, below.length).map((sample, round) => sample.value / (below[round]?.value ?? Number.NaN)));

/** A judged figure, ready to be printed. */
export interface Row {
  readonly figure: Figure;
  readonly pillion: number;
  readonly echo: number;
  readonly daprd: number;
  readonly pillionToEcho: number;
  readonly daprdToEcho: number;
  readonly pillionToDaprd: number;
  readonly verdict: "holds" | "missed" | "invalid" | "not run" | "–";
  /** Why the row is invalid or a limit was left out. */
  readonly reason: string;
}

const failuresOf = (name: string, { generator }: Sample): string | undefined =>
  generator === undefined || generator.errors === 0
    ? undefined
    : `${name} failed ${generator.errors} of ${generator.answers}: ${JSON.stringify(generator.outcomes)}`;

/** What makes a row unusable, or nothing. The echo's closed loop is the ceiling itself and may use the whole core. */
const faultOf = (name: string, samples: readonly Sample[] = []): string | undefined => {
  for (const sample of samples) {
    const { generator } = sample;
    if (generator === undefined) continue;
    // Upstream may fail a few answers and still be a yardstick; ours and the echo may fail none.
    if (generator.errors > (name === "daprd" ? generator.answers / 100 : 0)) return failuresOf(name, sample);
    const isCeiling = name === "echo" && generator.mode === "closed";
    if (generator.cpu > generatorCpuLimit && !isCeiling) {
      return `the generator used ${Math.round(generator.cpu * 100)} % of a core on ${name}`;
    }
  }
  return undefined;
};

const holds = (limit: Limit, value: number): boolean =>
  (limit.atMost === undefined || value <= limit.atMost) && (limit.atLeast === undefined || value >= limit.atLeast);

/** Judges a figure by its medians. */
export const judge = (figure: Figure): Row => {
  const row = {
    figure,
    pillion: median(values(figure.pillion)),
    echo: median(values(figure.echo)),
    daprd: median(values(figure.daprd)),
    pillionToEcho: medianRatio(figure.pillion, figure.echo),
    daprdToEcho: medianRatio(figure.daprd, figure.echo),
    pillionToDaprd: medianRatio(figure.pillion, figure.daprd),
  };
  const reason = faultOf("pillion", figure.pillion) ?? faultOf("echo", figure.echo) ?? faultOf("daprd", figure.daprd);
  if (reason !== undefined) return { ...row, verdict: "invalid", reason };
  if (figure.limits.length > 0 && Number.isNaN(row.pillion)) return { ...row, verdict: "not run", reason: "" };
  const judged = figure.limits.filter((limit) => limit.of !== "daprd" || !Number.isNaN(row.daprd));
  const left = figure.limits.length - judged.length;
  const bounded = (limit: Limit) =>
    limit.of === "value" ? row.pillion : limit.of === "echo" ? row.pillionToEcho : row.pillionToDaprd;
  const verdict =
    judged.length === 0 ? "–" : judged.every((limit) => holds(limit, bounded(limit))) ? "holds" : "missed";
  const notes = (figure.daprd ?? []).flatMap((sample) => failuresOf("daprd", sample) ?? []).slice(0, 1);
  if (left > 0) notes.push(`${left} limit needs DAPRD_PATH`);
  return { ...row, verdict, reason: notes.join("; ") };
};
