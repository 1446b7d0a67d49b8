import { Database } from "bun:sqlite";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { component, startDaprd } from "../harness/daprd-process.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

const writers = 64;

/** A small seeded generator, so that a failing run can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

test("kill -9 at 20 random moments loses no acknowledged write", async (t) => {
  const seed = Number(process.env["PILLION_SEED"] ?? (Date.now() % 2_147_483_646) + 1);
  console.log(`durability seed ${seed} (PILLION_SEED repeats it)`);
  const random = seeded(seed);
  const database = join(temporaryFolder().path, "state.db");
  const resources = [component("store", "state.sqlite", { connectionString: database })];
  const acknowledged = new Map<string, string>();
  let unfinished = 0;

  for (let round = 0; round < 20; round++) {
    const sidecar = await startDaprd({ resources });
    await sidecar.ready();
    let isKilled = false;
    let open = 0;
    let started = 0;
    const write = async (writer: number): Promise<void> => {
      for (let turn = 0; !isKilled; turn++) {
        const key = `r${round}-w${writer}-n${turn}`;
        const value = `${key}-${random()}`;
        open++;
        started++;
        try {
          const answer = await fetch(`${sidecar.url}/v1.0/state/store`, {
            method: "POST",
            body: JSON.stringify([{ key, value }]),
          });
          await answer.arrayBuffer();
          if (answer.status === 204) acknowledged.set(key, value);
          else assert.ok(isKilled, `write answered ${answer.status} before the kill`);
        } catch (error) {
          assert.ok(isKilled, `write failed before the kill: ${String(error)}`);
        }
        open--;
      }
    };
    const running = Array.from({ length: writers }, (_, writer) => write(writer));
    // Not before every writer has sent, then at any moment of the next quarter second, while requests are open.
    while (started < writers * 2) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, random() * 250));
    while (open === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    isKilled = true;
    unfinished += open;
    assert.ok(open > 0);
    sidecar.kill("SIGKILL");
    await sidecar.exited;
    await Promise.all(running);
  }
  t.diagnostic?.(`${acknowledged.size} acknowledged, ${unfinished} unfinished`);

  const sidecar = await startDaprd({ resources });
  await sidecar.ready();
  const keys = [...acknowledged.keys()];
  for (let at = 0; at < keys.length; at += 500) {
    const part = keys.slice(at, at + 500);
    const answer = await fetch(`${sidecar.url}/v1.0/state/store/bulk`, {
      method: "POST",
      body: JSON.stringify({ keys: part }),
    });
    const found = new Map(
      ((await answer.json()) as { key: string; data?: string }[]).map((item) => [item.key, item.data]),
    );
    for (const key of part) assert.equal(found.get(key), acknowledged.get(key), `acknowledged key "${key}"`);
  }
  assert.equal(await sidecar.stop(), 0);
  const check = new Database(database, { readonly: true });
  assert.deepEqual(check.query("PRAGMA integrity_check").all(), [{ integrity_check: "ok" }]);
  check.close();
});

test("the running writer uses a WAL and syncs every commit", async () => {
  const database = join(temporaryFolder().path, "state.db");
  const sidecar = await startDaprd({
    resources: [component("store", "state.sqlite", { connectionString: database })],
    args: ["--log-level=debug"],
  });
  await sidecar.ready();
  const line = sidecar
    .logs()
    .split("\n")
    .find((text) => text.includes("journal_mode="));
  assert.match(line ?? "", /journal_mode=wal synchronous=full/);
  assert.equal(await sidecar.stop(), 0);
});

/** The system calls of a trace in the order in which they ended; a call that others interrupted is put together again. */
function readTrace(path: string): string[] {
  const begun = new Map<string, string>();
  const ended: string[] = [];
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const [, pid = "", call = ""] = /^(\d+)\s+[\d.]+\s+(.*)$/.exec(line) ?? [];
    if (call.endsWith("<unfinished ...>")) begun.set(pid, call);
    else if (call.startsWith("<... ")) ended.push(`${begun.get(pid) ?? ""} ${call}`);
    else if (call !== "") ended.push(call);
  }
  return ended;
}

test("a sync of the WAL ends between reading a request and writing its answer", async (t) => {
  const tracer = "/usr/bin/strace";
  if (!existsSync(tracer)) {
    assert.ok(process.env["CI"] !== "true", "strace is needed here: apt-get install strace");
    t.skip("strace is not installed (apt-get install strace)");
    return;
  }
  const folder = temporaryFolder().path;
  const trace = join(folder, "trace");
  const database = join(folder, "state.db");
  const sidecar = await startDaprd({
    resources: [component("store", "state.sqlite", { connectionString: database })],
    under: [
      tracer,
      "-f",
      "-ttt",
      "-y",
      "-s",
      "256",
      "-e",
      "trace=network,read,write,writev,fsync,fdatasync,pwrite64",
      "-o",
      trace,
    ],
  });
  await sidecar.ready();
  for (let turn = 0; turn < 10; turn++) {
    const answer = await fetch(`${sidecar.url}/v1.0/state/store`, {
      method: "POST",
      body: JSON.stringify([{ key: `traced-${turn}`, value: turn }]),
    });
    assert.equal(answer.status, 204);
  }
  const [child = ""] = execFileSync("pgrep", ["-P", String(sidecar.pid)])
    .toString()
    .trim()
    .split("\n");
  process.kill(Number(child), "SIGINT");
  await sidecar.exited;

  const calls = readTrace(trace);
  for (let turn = 0; turn < 10; turn++) {
    const read = calls.findIndex((call) => /^(?:recv|read)/.test(call) && call.includes(`traced-${turn}`));
    assert.ok(read >= 0, `the trace shows the read of request ${turn}`);
    const answer = calls.findIndex(
      (call, index) => index > read && /^(?:send|write)/.test(call) && call.includes("204 No Content"),
    );
    assert.ok(answer > read, `the trace shows the answer to request ${turn}`);
    const isSync = (call: string): boolean =>
      /^f(?:data)?sync\(/.test(call) && call.includes("state.db-wal") && call.trimEnd().endsWith("= 0");
    assert.ok(calls.slice(read, answer).some(isSync), `a sync of the WAL ended before the answer to request ${turn}`);
  }
});
