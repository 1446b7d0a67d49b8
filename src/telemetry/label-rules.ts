/** A rule of Configuration `spec.metrics.rules`: label values of one metric are rewritten; `regex` maps replacements to patterns. */
export interface MetricRule {
  readonly name: string;
  readonly labels: readonly { readonly name: string; readonly regex: Readonly<Record<string, string>> }[];
}

/** Gives the value that a label of a metric is shown with. Throws when a pattern is not valid. */
export function createLabelRules(
  rules: readonly MetricRule[],
  prefix: string,
): (metric: string, label: string, value: string) => string {
  if (rules.length === 0) return (_metric, _label, value) => value;
  const replacements = new Map<string, readonly (readonly [RegExp, string])[]>();
  for (const rule of rules) {
    const metric = plainName(rule.name, prefix);
    for (const label of rule.labels) {
      const pairs = Object.entries(label.regex).map(
        ([replacement, pattern]) => [compile(rule.name, label.name, pattern), jsReplacement(replacement)] as const,
      );
      replacements.set(`${metric} ${label.name}`, pairs);
    }
  }
  return (metric, label, value) => {
    if (value === "") return value;
    const pairs = replacements.get(`${plainName(metric, prefix)} ${label}`);
    if (pairs === undefined) return value;
    return pairs.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), value);
  };
}

/** compat: a name means the same with and without the prefix, and with slashes or underscores. */
function plainName(name: string, prefix: string): string {
  const start = `${prefix}_`;
  return (name.startsWith(start) ? name.slice(start.length) : name).replaceAll("/", "_");
}

function compile(metric: string, label: string, pattern: string): RegExp {
  try {
    return new RegExp(pattern.replaceAll("(?P<", "(?<"), "gu");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`failed to compile regex "${pattern}" for label "${label}" of metric "${metric}": ${why}`, {
      cause,
    });
  }
}

/** `${1}` and `${name}` of Go as `$1` and `$<name>`. */
function jsReplacement(text: string): string {
  return text.replace(/\$\{(\d+)\}/g, "$$$1").replace(/\$\{?([A-Za-z_]\w*)\}?/g, "$$<$1>");
}
