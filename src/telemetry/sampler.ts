import { formatGoFloat } from "./go-float.ts";

/** Decides which traces that begin here are recorded. */
export interface Sampler {
  /** 0: tracing is switched off. */
  readonly rate: number;
  /** As upstream's logs name it. */
  readonly description: string;
  /** Of a trace id in hexadecimal. */
  isSampled(traceId: string): boolean;
}

const defaultRate = 1e-4;
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const hexadecimal = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)p([+-]?\d+)$/i;
const infinite = /^([+-]?)inf(?:inity)?$/i;

/** A sampler for the text of a rate. compat: a text that Go does not read as a float counts as 0.0001. */
export function createSampler(text: string): Sampler {
  const rate = parseGoFloat(text) ?? defaultRate;
  const share = Math.min(1, Math.max(0, rate));
  const bound = share * 2 ** 63;
  return {
    rate,
    description: `ParentBased{root:TraceIDRatioBased{${formatGoFloat(share)}},remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler,localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}`,
    /** Compares the upper 63 bits of the id's second half with the rate, as OpenTelemetry's ratio sampler does. */
    isSampled(traceId) {
      if (share === 1) return true;
      const high = Number.parseInt(traceId.slice(16, 24), 16);
      const low = Number.parseInt(traceId.slice(24, 32), 16);
      return (high * 2 ** 32 + low) / 2 < bound;
    },
  };
}

/** A float as Go reads it; undefined when it does not, or when it is too large. NaN is none: it would sample nothing and say so nowhere. */
function parseGoFloat(text: string): number | undefined {
  if (decimal.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const word = infinite.exec(text);
  if (word !== null) return word[1] === "-" ? -Infinity : Infinity;
  const hex = hexadecimal.exec(text);
  if (hex === null) return undefined;
  const [, sign, whole = "", fraction = "", power] = hex;
  if (whole === "" && fraction === "") return undefined;
  const value = Number.parseInt(`${whole}${fraction}`, 16) * 2 ** (Number(power) - 4 * fraction.length);
  if (!Number.isFinite(value)) return undefined;
  return sign === "-" ? -value : value;
}
