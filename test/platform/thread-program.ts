import { createThreadPlatform } from "../../src/platform/thread.ts";

const { port, sqlite, clock } = createThreadPlatform();
// Messages wait until the listener is there.
await new Promise((resolve) => setTimeout(resolve, 20));
port.onMessage = async (message) => {
  const { echo, sql, sleep, fail } = message as { echo?: unknown; sql?: string; sleep?: number; fail?: string };
  if (fail !== undefined)
    setTimeout(() => {
      throw new Error(fail);
    }, 0);
  else if (sql !== undefined) {
    const database = sqlite(":memory:");
    port.post({ row: database.get(sql, [41]) });
    database.close();
  } else if (sleep !== undefined) {
    await clock.sleep(sleep);
    port.post({ slept: clock.monotonic() > 0 });
  } else port.post({ echoed: echo });
};
