import assert from "node:assert/strict";
import { test } from "node:test";
import { startThread, until } from "./host.ts";

const program = new URL("./thread-program.ts", import.meta.url);

async function open() {
  const thread = await startThread(program);
  const messages: unknown[] = [];
  const errors: Error[] = [];
  thread.onMessage = (message) => messages.push(message);
  thread.onError = (error) => errors.push(error);
  return { thread, messages, errors };
}

test("messages posted before the thread listens arrive in order", async () => {
  const { thread, messages } = await open();
  for (let count = 0; count < 50; count += 1) thread.post({ echo: count });
  await until(() => messages.length === 50, "all came back");
  assert.deepEqual(
    messages,
    Array.from({ length: 50 }, (_, count) => ({ echoed: count })),
  );
  await thread.terminate();
});

test("structured values and transferred buffers survive", async () => {
  const { thread, messages } = await open();
  const buffer = new Uint8Array([1, 2, 3]).buffer;
  thread.post({ echo: { big: 2n ** 60n, bytes: new Uint8Array(buffer), when: null } }, [buffer]);
  assert.equal(buffer.byteLength, 0);
  await until(() => messages.length === 1, "it came back");
  assert.deepEqual(messages[0], { echoed: { big: 2n ** 60n, bytes: new Uint8Array([1, 2, 3]), when: null } });
  await thread.terminate();
});

test("the thread has SQLite and a clock of its own", async () => {
  const { thread, messages } = await open();
  thread.post({ sql: "select ? + 1 as x" });
  thread.post({ sleep: 5 });
  await until(() => messages.length === 2, "both came back");
  assert.deepEqual(messages, [{ row: { x: 42 } }, { slept: true }]);
  await thread.terminate();
});

test("what nobody catches in the thread reaches onError, and this thread lives on", async () => {
  const { thread, errors } = await open();
  thread.post({ fail: "on purpose" });
  await until(() => errors.length > 0, "the error was told");
  assert.match(errors[0]!.message, /on purpose/);
  await thread.terminate();
});
