const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` value; throws on anything that is not up to eight digits and a unit. */
export function parseGrpcTimeout(text: string): number {
  if (text.length < 2) throw new Error(`transport: timeout string is too short: "${text}"`);
  if (text.length > 9) throw new Error(`transport: timeout string is too long: "${text}"`);
  const unit = unitMs[text.slice(-1)];
  if (unit === undefined) throw new Error(`transport: timeout unit is not recognized: "${text}"`);
  const digits = text.slice(0, -1);
  if (!/^\d+$/.test(digits)) throw new Error(`transport: timeout is not a number: "${text}"`);
  return Number(digits) * unit;
}

/** A `grpc-timeout` value for `ms`, rounded up to the finest unit that fits eight digits. */
export function formatGrpcTimeout(ms: number): string {
  if (!(ms > 0)) return "0n";
  if (ms < 100) return `${Math.ceil(ms * 1e6 - 1e-3)}n`;
  if (ms < 100_000) return `${Math.ceil(ms * 1e3 - 1e-6)}u`;
  if (ms < 1e8) return `${Math.ceil(ms)}m`;
  if (ms < 1e11) return `${Math.ceil(ms / 1000)}S`;
  if (ms < 6e12) return `${Math.ceil(ms / 60_000)}M`;
  return `${Math.min(99_999_999, Math.ceil(ms / 3_600_000))}H`;
}
