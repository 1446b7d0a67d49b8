import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hostPlatform } from "../harness/host-platform.ts";
import { within } from "../harness/pillion.ts";
import { runScript } from "../harness/run-script.ts";

const isWindows = process.platform === "win32";

/** What nobody has collected yet does not count as alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

async function control() {
  const found = (await hostPlatform()).process;
  assert.ok(found);
  return found;
}

test("kill -9 of the parent ends guarded children and theirs", { skip: isWindows }, async () => {
  const parent = runScript(fileURLToPath(new URL("guard-parent.ts", import.meta.url)), []);
  let output = "";
  parent.child.stdout?.on("data", (chunk) => {
    output += String(chunk);
  });
  await parent.printed("started");
  const pids = [...output.matchAll(/^pids (\d+) (\d+)$/gm)].flatMap((match) => [Number(match[1]), Number(match[2])]);
  assert.equal(pids.length, 4);
  assert.ok(pids.every(isAlive));
  parent.child.kill("SIGKILL");
  await parent.ended;
  await within(2000, () => !pids.some(isAlive));
  assert.deepEqual(pids.filter(isAlive), []);
});

test("a guarded child keeps its exit code, its output and what it inherits", { skip: isWindows }, async () => {
  const child = (await control()).spawn(
    ["sh", "-c", 'echo "$0 $1 $WORD"; ls /proc/$$/fd 2>/dev/null | wc -l >&2; exit 7', "a b", "c"],
    {
      guarded: true,
      stdout: "pipe",
      stderr: "ignore",
      env: { PATH: process.env["PATH"] ?? "", WORD: "x y" },
    },
  );
  assert.equal(await new Response(child.stdout).text(), "a b c x y\n");
  assert.equal(await child.exited, 7);
});

test("a guarded child that is gone takes the rest of its group with it", { skip: isWindows }, async () => {
  const child = (await control()).spawn(["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"], {
    guarded: true,
    stdout: "pipe",
  });
  const pid = Number(await new Response(child.stdout).text());
  assert.equal(await child.exited, 0);
  assert.ok(await within(2000, () => !isAlive(pid)));
});

test("signals reach the guarded child but not its watcher", { skip: isWindows }, async () => {
  const child = (await control()).spawn(["sh", "-c", 'trap "exit 9" TERM; echo up; while :; do sleep 0.05; done'], {
    guarded: true,
    stdout: "pipe",
  });
  const reader = child.stdout?.getReader();
  await reader?.read();
  child.kill("SIGTERM");
  assert.equal(await child.exited, 9);
});

test("a guarded program that is not there rejects", async () => {
  const child = (await control()).spawn(["no-such-program-here"], { guarded: true });
  await assert.rejects(child.exited, /starting "no-such-program-here" failed/);
});
