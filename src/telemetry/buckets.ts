/** Upper bounds of latency histograms in milliseconds, where the configuration names none. */
export const defaultLatencyBuckets: readonly number[] = [
  1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50, 65, 80, 100, 130, 160, 200, 250, 300, 400, 500, 650, 800, 1000,
  2000, 5000, 10_000, 20_000, 50_000, 100_000,
];

const kib = 1024;
const mib = 1024 * kib;

/** Upper bounds of size histograms in bytes. */
export const sizeBuckets: readonly number[] = [
  kib,
  2 * kib,
  4 * kib,
  16 * kib,
  64 * kib,
  256 * kib,
  mib,
  4 * mib,
  16 * mib,
  64 * mib,
  256 * mib,
  1024 * mib,
  4096 * mib,
];
