import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../kit/clock.ts";
import type { Files } from "../platform/types.ts";
import { createLog, type LogOptions } from "./log.ts";
import { openLogFile } from "./log-file.ts";

const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 120) } as Clock;
function lines(options: Partial<LogOptions>, use: (log: ReturnType<typeof createLog>) => void): string {
  let text = "";
  const write = (line: string): void => void (text += line);
  use(
    createLog({
      write,
      level: "info",
      json: false,
      appId: "app",
      instance: "host",
      version: "1.2.3",
      clock,
      ...options,
    }),
  );
  return text;
}
const rest = "app_id=app instance=host scope=dapr.runtime type=log ver=1.2.3";

test("text lines", () => {
  const time = 'time="2026-01-02T03:04:05.12Z"';
  assert.equal(
    lines({}, (log) => {
      log.debug("hidden");
      log.info("plain");
      log.warn('a "b" \u0001…');
      log.scope("dapr.runtime.http-info").info("HTTP API Called", { method: "GET /x", code: 200, useragent: "" });
      log.error("", { msg: "clash" });
    }),
    `${time} level=info msg=plain ${rest}\n` +
      `${time} level=warning msg="a \\"b\\" \\x01…" ${rest}\n` +
      `${time} level=info msg="HTTP API Called" app_id=app code=200 instance=host method="GET /x" scope=dapr.runtime.http-info type=log useragent= ver=1.2.3\n` +
      `${time} level=error app_id=app fields.msg=clash instance=host scope=dapr.runtime type=log ver=1.2.3\n`,
  );
});

test("JSON lines", () => {
  const text = lines({ json: true, level: "debug", appId: "" }, (log) => log.debug("<x>", { size: 3 }));
  assert.equal(
    text,
    '{"instance":"host","level":"debug","msg":"\\u003cx\\u003e","scope":"dapr.runtime","size":3,"time":"2026-01-02T03:04:05.12Z","type":"log","ver":"1.2.3"}\n',
  );
});

test("whole seconds have no fraction", () => {
  const whole = { now: () => Date.UTC(2026, 0, 2, 3, 4, 50) } as Clock;
  assert.match(
    lines({ clock: whole }, (log) => log.fatal("x")),
    /^time="2026-01-02T03:04:50Z" level=fatal /,
  );
});

test("a log file keeps the order and joins what waits", async () => {
  const writes: string[] = [];
  const files = {
    write: async (_path: string, data: string) => {
      await Promise.resolve();
      writes.push(data);
    },
  } as unknown as Files;
  const file = await openLogFile(files, "/log");
  for (const line of ["a\n", "b\n", "c\n"]) file.write(line);
  await file.flush();
  assert.deepEqual(writes, ["", "a\n", "b\nc\n"]);
  const refused = { write: () => Promise.reject(new Error("EACCES")) } as unknown as Files;
  await assert.rejects(openLogFile(refused, "/log"), { message: 'failed to open log file "/log": EACCES' });
});
