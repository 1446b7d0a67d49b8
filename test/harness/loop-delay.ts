/** Measures how late timers of this thread fire while `work` runs: the 99th percentile and the worst, in milliseconds. */
export async function loopDelay(work: () => Promise<void>): Promise<{ p99: number; worst: number }> {
  const every = 2;
  const late: number[] = [];
  let isOn = true;
  const watch = (async () => {
    while (isOn) {
      const before = performance.now();
      await new Promise((resolve) => setTimeout(resolve, every));
      late.push(performance.now() - before - every);
    }
  })();
  try {
    await work();
  } finally {
    isOn = false;
    await watch;
  }
  late.sort((a, b) => a - b);
  return { p99: late[Math.floor(late.length * 0.99)] ?? 0, worst: late.at(-1) ?? 0 };
}
