const unitNanoseconds: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const maxNanoseconds = (1n << 63n) - 1n;
const part = /(\d*)(\.(\d*))?([^\d.]*)/y;

function invalid(text: string, why: string): Error {
  return new Error(`${why} ${JSON.stringify(text)}`);
}

/** Nanoseconds of a Go duration text (`1h2m3.5s`, `-20ms`, `0`). Throws with Go's wording when it is none. */
export function parseNanoseconds(text: string): bigint {
  const negative = text.startsWith("-");
  const body = negative || text.startsWith("+") ? text.slice(1) : text;
  if (body === "0") return 0n;
  if (body === "") throw invalid(text, "time: invalid duration");
  let total = 0n;
  part.lastIndex = 0;
  while (part.lastIndex < body.length) {
    const match = part.exec(body);
    if (!match || (match[1] === "" && (match[3] ?? "") === "")) throw invalid(text, "time: invalid duration");
    const [, whole = "", , fraction = "", unit = ""] = match;
    if (unit === "") throw invalid(text, "time: missing unit in duration");
    const scale = unitNanoseconds[unit];
    if (scale === undefined) throw invalid(text, `time: unknown unit ${JSON.stringify(unit)} in duration`);
    total += BigInt(whole || "0") * scale;
    if (fraction !== "") total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
    if (total > maxNanoseconds + (negative ? 1n : 0n)) throw invalid(text, "time: invalid duration");
  }
  return negative ? -total : total;
}

/** Milliseconds (with fractions) of a Go duration text. Throws when it is none. */
export function parseDuration(text: string): number {
  return Number(parseNanoseconds(text)) / 1e6;
}

/** Milliseconds of a Go duration, or of a whole number of seconds. Throws when it is neither. */
export function parseDurationOrSeconds(text: string): number {
  if (/^[+-]?\d+$/.test(text)) return Number(text) * 1000;
  return parseDuration(text);
}

function withFraction(value: bigint, scale: bigint, unit: string): string {
  const whole = value / scale;
  const rest = value % scale;
  if (rest === 0n) return `${whole}${unit}`;
  const digits = rest.toString().padStart(scale.toString().length - 1, "0");
  return `${whole}.${digits.replace(/0+$/, "")}${unit}`;
}

/** A duration as Go prints it: `1h0m0s`, `1.5s`, `20ms`, `0s`. */
export function formatNanoseconds(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const value = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (value < 1_000n) return `${sign}${value}ns`;
  if (value < 1_000_000n) return sign + withFraction(value, 1_000n, "µs");
  if (value < 1_000_000_000n) return sign + withFraction(value, 1_000_000n, "ms");
  const minutes = value / 60_000_000_000n;
  const seconds = withFraction(value % 60_000_000_000n, 1_000_000_000n, "s");
  if (minutes === 0n) return sign + seconds;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** Milliseconds (fractions kept to the nanosecond) as Go prints the duration. */
export function formatDuration(milliseconds: number): string {
  return formatNanoseconds(BigInt(Math.round(milliseconds * 1e6)));
}
