import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import type { HttpListen, Listener, Platform } from "../platform/types.ts";
import { withPatientListeners } from "./patient-listeners.ts";

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
const at: HttpListen = { host: "127.0.0.1", port: 3500 };
const listener: Listener = { ...at, close: async () => undefined };

/** A host whose first listens fail with a code. */
function host(failures: number, code: string) {
  const clock = createVirtualClock(0, { settle });
  let tries = 0;
  const listen = async () => {
    tries += 1;
    if (tries <= failures) throw Object.assign(new Error(`listening failed: ${code}`), { code });
    return listener;
  };
  const platform = { clock, serveHttp: listen, serveHttp2: listen } as unknown as Platform;
  return { clock, patient: withPatientListeners(platform, 1000), tries: () => tries };
}

test("an address in use is tried again until its holder lets go", async () => {
  for (const serve of ["serveHttp", "serveHttp2"] as const) {
    const { clock, patient, tries } = host(3, "EADDRINUSE");
    const listening = patient[serve]?.(at, (() => undefined) as never);
    await clock.advance(500);
    assert.equal(await listening, listener);
    assert.equal(tries(), 4);
  }
});

test("patience ends, and other failures are no reason for any", async () => {
  const busy = host(Number.POSITIVE_INFINITY, "EADDRINUSE");
  const failed = assert.rejects(busy.patient.serveHttp?.(at, (() => undefined) as never) ?? Promise.resolve(), {
    code: "EADDRINUSE",
  });
  await busy.clock.advance(2000);
  await failed;
  const denied = host(1, "EACCES");
  await assert.rejects(denied.patient.serveHttp?.(at, (() => undefined) as never) ?? Promise.resolve(), {
    code: "EACCES",
  });
  assert.equal(denied.tries(), 1);
});
