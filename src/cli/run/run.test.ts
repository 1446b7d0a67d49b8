import assert from "node:assert/strict";
import { test } from "node:test";
import type { Files } from "../../platform/types.ts";
import { formatTable } from "../table.ts";
import { eachLine } from "./each-line.ts";
import { openRunLog } from "./log-file.ts";
import { logName, newestLog, removeOldLogs } from "./log-names.ts";

async function linesOf(chunks: readonly (string | Uint8Array)[]): Promise<string[]> {
  const lines: string[] = [];
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks)
        controller.enqueue(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
      controller.close();
    },
  });
  await eachLine(stream, (line) => lines.push(line));
  return lines;
}

test("lines are told apart however they are cut into chunks", async () => {
  assert.deepEqual(await linesOf(["a", "b\nc\r", "\n\nlast"]), ["ab", "c", "", "last"]);
  assert.deepEqual(await linesOf([]), []);
  const euro = new TextEncoder().encode("1 €\n");
  assert.deepEqual(await linesOf([euro.subarray(0, 3), euro.subarray(3)]), ["1 €"]);
});

test("a line without end is passed on in pieces", async () => {
  const lines = await linesOf(["x".repeat(2 ** 20), "x".repeat(2 ** 20), "y\n"]);
  assert.equal(lines.join("").length, 2 ** 21 + 1);
  assert.ok(lines.length > 1);
});

/** A disk in memory, with what these tests use. */
function memoryDisk() {
  const content = new Map<string, string>();
  const files = {
    makeDirectory: async () => undefined,
    write: async (path: string, data: string, options?: { append?: boolean }) => {
      content.set(path, options?.append ? (content.get(path) ?? "") + data : data);
    },
    list: async (folder: string) =>
      [...content.keys()]
        .filter((path) => path.startsWith(`${folder}/`))
        .sort()
        .map((path) => ({ name: path.slice(folder.length + 1), kind: "file" as const })),
    remove: async (path: string) => void content.delete(path),
  };
  return { content, files: files as unknown as Files };
}

test("a log keeps its lines in order and begins anew when it is full", async () => {
  const { content, files } = memoryDisk();
  const log = await openRunLog(files, "/logs/a.log", 40);
  for (let at = 0; at < 4; at += 1) log.write(`line ${at}\n`);
  await log.flush();
  assert.equal(content.get("/logs/a.log"), "line 0\nline 1\nline 2\nline 3\n");
  for (let at = 4; at < 7; at += 1) {
    log.write(`line ${at}\n`);
    await log.flush();
  }
  assert.equal(content.get("/logs/a.log"), "(earlier lines were dropped)\nline 5\nline 6\n");
});

test("logs are named by app, kind and time; only those of the last runs stay", async () => {
  const { content, files } = memoryDisk();
  assert.match(logName("a_b", "app", 1_700_000_000_000), /^a_b_app_\d{14}\.log$/);
  for (let at = 0; at < 15; at += 1) content.set(`/logs/a_app_202601010000${String(at).padStart(2, "0")}.log`, "");
  content.set("/logs/a_app_app_20270101000000.log", "");
  assert.equal(await newestLog(files, "/logs", "a", "app"), "/logs/a_app_20260101000014.log");
  assert.equal(await newestLog(files, "/logs", "b", "app"), undefined);
  await removeOldLogs(files, "/logs", "a");
  assert.equal(content.size, 11);
  assert.ok(content.has("/logs/a_app_20260101000005.log") && content.has("/logs/a_app_app_20270101000000.log"));
});

test("tables are as wide as their cells", () => {
  assert.equal(
    formatTable([
      ["A", "BB"],
      ["long", ""],
      ["", "x"],
    ]),
    "A     BB\nlong\n      x\n",
  );
});
