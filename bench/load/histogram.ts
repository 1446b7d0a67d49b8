const unit = 100;
const bits = 9;
const half = 1 << bits;

/** Latencies in buckets of 0.1 µs that widen so that no figure is off by more than 0.2 %. */
export class Histogram {
  readonly #buckets = new Uint32Array(half * 24);
  #count = 0;
  #max = 0;
  #sum = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds one value in nanoseconds. */
  record(nanoseconds: number): void {
    const value = nanoseconds <= 0 ? 0 : Math.min(nanoseconds / unit, 0x7fffffff) | 0;
    const shift = Math.max(0, 31 - bits - Math.clz32(value));
    const bucket = (shift << bits) + (value >> shift);
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
    this.#count++;
    this.#sum += nanoseconds;
    if (nanoseconds > this.#max) this.#max = nanoseconds;
  }

  /** The value in µs that the given share (0 to 1) of all values does not exceed; 0 without values. */
  quantile(share: number): number {
    let left = Math.ceil(share * this.#count);
    for (let bucket = 0; bucket < this.#buckets.length && left > 0; bucket++) {
      left -= this.#buckets[bucket] as number;
      if (left > 0) continue;
      const shift = bucket < half * 2 ? 0 : (bucket >> bits) - 1;
      const low = (bucket - (shift << bits)) * 2 ** shift;
      return Math.min(((low + (2 ** shift - 1) / 2) * unit) / 1000, this.#max / 1000);
    }
    return 0;
  }

  /** p50, p90, p99, p99.9, mean and max in µs. */
  summary(): LatencySummary {
    const round = (value: number) => Math.round(value * 10) / 10;
    return {
      p50: round(this.quantile(0.5)),
      p90: round(this.quantile(0.9)),
      p99: round(this.quantile(0.99)),
      p999: round(this.quantile(0.999)),
      mean: this.#count === 0 ? 0 : round(this.#sum / this.#count / 1000),
      max: round(this.#max / 1000),
    };
  }
}

/** A histogram's figures in µs. */
export interface LatencySummary {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly mean: number;
  readonly max: number;
}
