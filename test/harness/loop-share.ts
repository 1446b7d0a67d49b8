/**
 * The share of the time, 0 to 1, for which this thread's event loop did not come back to its timers while `work` ran. A loop that work
 * holds up is near 1; a busy machine alone delays timers too, but does not keep them waiting all the time.
 */
export async function heldUpShare(work: () => Promise<void>): Promise<number> {
  const every = 2;
  let late = 0;
  let isOn = true;
  const start = performance.now();
  const watch = (async () => {
    while (isOn) {
      const before = performance.now();
      await new Promise((resolve) => setTimeout(resolve, every));
      late += Math.max(0, performance.now() - before - every);
    }
  })();
  try {
    await work();
  } finally {
    isOn = false;
    await watch;
  }
  return late / (performance.now() - start);
}
