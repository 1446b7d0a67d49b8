import { goQuote } from "./go-quote.ts";

const largest = 2n ** 63n - 1n;

/**
 * compat: a whole number as Go's strconv reads it (a sign, then decimal digits, at most 64 bits). Throws an Error in Go's
 * words, which name the function `by`. Beyond 2^53 the answer is rounded.
 */
export function parseGoInteger(text: string, by: "ParseInt" | "Atoi"): number {
  if (!/^[+-]?[0-9]+$/.test(text)) throw new Error(`strconv.${by}: parsing ${goQuote(text)}: invalid syntax`);
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
  if (value > largest || value < -largest - 1n)
    throw new Error(`strconv.${by}: parsing ${goQuote(text)}: value out of range`);
  return Number(value);
}
