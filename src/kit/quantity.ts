const shape = /^([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?$/;
const binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

function power(base: bigint, exponent: number): bigint {
  return base ** BigInt(exponent);
}

/** The number that a Kubernetes quantity stands for (`4Mi`, `512k`, `1e3`, `-1`), rounded away from zero to a whole. Throws when it is none. */
export function parseQuantity(text: string): number {
  const match = shape.exec(text);
  if (!match)
    throw new Error(`cannot read ${JSON.stringify(text)} as a quantity, write for example 4Mi, 512Ki or 1000`);
  const [, sign, digits = "0", suffix = ""] = match;
  const [whole = "", fraction = ""] = digits.split(".");
  let numerator = BigInt(`${whole || "0"}${fraction}`);
  let denominator = power(10n, fraction.length);
  const step = binary.indexOf(suffix);
  if (step >= 0) numerator *= power(1024n, step + 1);
  else if (suffix !== "") {
    const exponent = decimal[suffix] ?? Number(suffix.slice(1));
    if (exponent >= 0) numerator *= power(10n, Math.min(exponent, 40));
    else denominator *= power(10n, Math.min(-exponent, 40));
  }
  const rounded = (numerator + denominator - 1n) / denominator;
  const value = Number(rounded);
  return sign === "-" && value !== 0 ? -value : value;
}

/** A whole number as the shortest binary quantity: 4194304 is `4Mi`. */
export function formatQuantity(value: number): string {
  let rest = value;
  let step = -1;
  while (rest !== 0 && rest % 1024 === 0 && step < binary.length - 1) {
    rest /= 1024;
    step += 1;
  }
  return `${rest}${binary[step] ?? ""}`;
}
