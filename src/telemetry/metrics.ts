import { formatGoFloat } from "./go-float.ts";
import { createLabelRules, type MetricRule } from "./label-rules.ts";
import type { Counter, Gauge, Histogram, Labels, Metrics } from "./ports.ts";

/** A series with its labels settled: what hot paths hold on to. */
export interface BoundCounter {
  add(value?: number): void;
}
export interface BoundHistogram {
  observe(value: number): void;
}
export interface BindableCounter extends Counter {
  bind(labels: Labels): BoundCounter;
}
export interface BindableHistogram extends Histogram {
  bind(labels: Labels): BoundHistogram;
}

/** A registry whose counters and histograms can be bound to labels once. */
export interface MetricsRegistry extends Metrics {
  counter(name: string, help: string): BindableCounter;
  histogram(name: string, help: string, buckets: readonly number[]): BindableHistogram;
  /** The same registry for names that get neither prefix nor the common labels, for example `process_…`. */
  plain(): Metrics;
}

export interface MetricsOptions {
  /** Goes in front of every name with an underscore; empty: nothing. */
  readonly prefix: string;
  /** Labels of every series, for example app_id; a label of the same name given with a value wins. */
  readonly common: Labels;
  readonly rules?: readonly MetricRule[];
}

type Kind = "counter" | "gauge" | "histogram";

class Series implements BoundCounter, BoundHistogram {
  readonly labels: string;
  value = 0;
  readonly #bounds: readonly number[];
  readonly counts: number[];
  constructor(labels: string, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }
  add(value = 1): void {
    this.value += value;
  }
  /** compat: a value equal to a bound belongs above it, as upstream's library counts. */
  observe(value: number): void {
    this.value += value;
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value >= (bounds[index] as number)) index++;
    this.counts[index] = (this.counts[index] as number) + 1;
  }
}

interface Family {
  readonly name: string;
  readonly kind: Kind;
  readonly help: string;
  readonly bounds: readonly number[];
  find(labels: Labels): Series;
  all(): Iterable<Series>;
}

/** A registry of one sidecar. Families without a series are not shown; one name asked for twice is one family. */
export function createMetrics(options: MetricsOptions): MetricsRegistry {
  const families = new Map<string, Family>();
  const collectors: (() => void)[] = [];
  // Many histograms share one list of buckets.
  const positive = new Map<readonly number[], readonly number[]>();
  const rewrite = createLabelRules(options.rules ?? [], options.prefix);

  function family(name: string, kind: Kind, help: string, bounds: readonly number[] = [], common: Labels = {}): Family {
    const known = families.get(name);
    if (known !== undefined) {
      if (known.kind !== kind) throw new Error(`metric "${name}" is a ${known.kind}, not a ${kind}`);
      return known;
    }
    const created = createFamily(name, kind, help, bounds, (labels) =>
      labelText({ ...common, ...labels }, (label, value) => rewrite(name, label, value)),
    );
    families.set(name, created);
    return created;
  }

  function surface(prefix: string, common: Labels): MetricsRegistry {
    return {
      counter(name, help) {
        const found = family(prefix + name, "counter", help, [], common);
        return {
          add: (labels, value) => found.find(labels).add(value),
          bind: (labels) => found.find(labels),
        };
      },
      gauge(name, help): Gauge {
        const found = family(prefix + name, "gauge", help, [], common);
        return {
          set(labels, value) {
            found.find(labels).value = value;
          },
        };
      },
      histogram(name, help, buckets) {
        const bounds = positive.get(buckets) ?? buckets.filter((bound) => bound > 0);
        positive.set(buckets, bounds);
        const found = family(prefix + name, "histogram", help, bounds, common);
        return {
          observe: (labels, value) => found.find(labels).observe(value),
          bind: (labels) => found.find(labels),
        };
      },
      expose() {
        for (const collect of collectors) collect();
        return [...families.values()]
          .sort((left, right) => (left.name < right.name ? -1 : 1))
          .map(familyText)
          .join("");
      },
      onCollect: (collect) => void collectors.push(collect),
      plain: () => surface("", {}),
    };
  }
  return surface(options.prefix === "" ? "" : `${options.prefix}_`, options.common);
}

/** Series are found by the labels as given first: putting those in order happens once for each combination. */
function createFamily(
  name: string,
  kind: Kind,
  help: string,
  bounds: readonly number[],
  canonical: (labels: Labels) => string,
): Family {
  const asGiven = new Map<string, Series>();
  const series = new Map<string, Series>();
  return {
    name,
    kind,
    help,
    bounds,
    all: () => [...series.values()].sort((left, right) => (left.labels < right.labels ? -1 : 1)),
    find(labels) {
      let key = "";
      for (const label in labels) key += `${label}\u0000${labels[label]}\u0001`;
      const known = asGiven.get(key);
      if (known !== undefined) return known;
      const text = canonical(labels);
      let found = series.get(text);
      if (found === undefined) series.set(text, (found = new Series(text, bounds)));
      asGiven.set(key, found);
      return found;
    },
  };
}

function labelText(labels: Labels, rewrite: (label: string, value: string) => string): string {
  let text = "";
  for (const label of Object.keys(labels).sort()) {
    text += `${text === "" ? "" : ","}${label}="${escapeValue(rewrite(label, labels[label] ?? ""))}"`;
  }
  return text;
}

function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function familyText(family: Family): string {
  const lines: string[] = [];
  for (const series of family.all()) {
    if (family.kind === "histogram") histogramLines(family, series, lines);
    else lines.push(`${family.name}${braces(series.labels)} ${formatGoFloat(series.value)}`);
  }
  if (lines.length === 0) return "";
  const help = family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return `# HELP ${family.name} ${help}\n# TYPE ${family.name} ${family.kind}\n${lines.join("\n")}\n`;
}

function histogramLines(family: Family, series: Series, lines: string[]): void {
  const lead = series.labels === "" ? "" : `${series.labels},`;
  let total = 0;
  for (const [index, bound] of [...family.bounds, Number.POSITIVE_INFINITY].entries()) {
    total += series.counts[index] ?? 0;
    lines.push(`${family.name}_bucket{${lead}le="${formatGoFloat(bound)}"} ${total}`);
  }
  lines.push(`${family.name}_sum${braces(series.labels)} ${formatGoFloat(series.value)}`);
  lines.push(`${family.name}_count${braces(series.labels)} ${total}`);
}

function braces(labels: string): string {
  return labels === "" ? "" : `{${labels}}`;
}
