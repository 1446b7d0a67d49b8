import assert from "node:assert/strict";
import { test } from "node:test";
import type { Files, ProcessControl } from "../platform/types.ts";
import type { AppRecord } from "./app-record.ts";
import { createAppRegistry } from "./app-registry.ts";

const record: AppRecord = {
  appId: "a/b",
  namespace: "default",
  pid: 10,
  pidStarted: "",
  httpPort: 1,
  grpcPort: 2,
  internalPort: 3,
  metricsPort: 4,
  httpAddress: "127.0.0.1:1",
  appPort: 5,
  internalAddress: "127.0.0.1:3",
  appPid: 0,
  command: "",
  maxBodySize: 1,
  readBufferSize: 1,
  created: 2,
  runTemplatePath: "",
  runTemplateName: "",
  appLogPath: "",
  runtimeLogPath: "",
};

/** A machine with processes 10 (this one), 20 and 30; `started` is what the system says of each. */
function machine(started: Map<number, string>) {
  const content = new Map<string, string>();
  const state = new Map<number, string>();
  const files = {
    makeDirectory: async () => undefined,
    replace: async (path: string, text: string) => void content.set(path, text),
    remove: async (path: string) => void content.delete(path),
    list: async (folder: string) =>
      [...content.keys()]
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => ({ name: path.slice(folder.length + 1), kind: "file" as const })),
    readText: async (path: string) => {
      const pid = Number(/^\/proc\/(\d+)\/stat$/.exec(path)?.[1] ?? 0);
      const at = started.get(pid);
      if (at !== undefined)
        return `${pid} (a) b) ${state.get(pid) ?? "S"} ${Array.from({ length: 18 }, () => "0").join(" ")} ${at} 0`;
      const text = content.get(path);
      if (text === undefined) throw new Error(`there is no "${path}"`);
      return text;
    },
  };
  const process = { pid: 10, signal: (pid: number) => started.has(pid) };
  const open = (pid: number) =>
    createAppRegistry({
      files: files as unknown as Files,
      process: { ...process, pid } as unknown as ProcessControl,
      dataDir: "/d",
    });
  return { content, state, open };
}

test("records are found by other processes until they are withdrawn", async () => {
  const { open, content } = machine(
    new Map([
      [10, "100"],
      [20, "200"],
    ]),
  );
  const withdraw = await open(10).announce(record);
  assert.deepEqual([...content.keys()], ["/d/apps/a%2Fb.10.json"]);
  assert.deepEqual(await open(20).list(), [{ ...record, pidStarted: "100" }]);
  await open(20).announce({ ...record, appId: "older", pid: 20, created: 1 });
  assert.deepEqual(
    (await open(10).list()).map(({ appId }) => appId),
    ["older", "a/b"],
  );
  await withdraw();
  assert.deepEqual(
    (await open(20).list()).map(({ appId }) => appId),
    ["older"],
  );
});

test("records of processes that are gone, reused or not collected yet are removed", async () => {
  const started = new Map([
    [10, "100"],
    [20, "200"],
    [30, "300"],
    [40, "400"],
  ]);
  const { open, content, state } = machine(started);
  for (const pid of [20, 30, 40]) await open(10).announce({ ...record, pid });
  assert.equal((await open(10).list()).length, 3);
  started.delete(20);
  started.set(30, "301");
  state.set(40, "Z");
  assert.deepEqual(await open(10).list(), []);
  assert.equal(content.size, 0);
});

test("what is no record is passed over and stays", async () => {
  const { open, content } = machine(new Map([[10, "100"]]));
  content.set("/d/apps/x.1.json", "{");
  content.set("/d/apps/note.txt", "");
  assert.deepEqual(await open(10).list(), []);
  assert.equal(content.size, 2);
});
