import assert from "node:assert/strict";
import { test } from "node:test";
import { createHost, sleep, until } from "./host.ts";

const host = await createHost();
const control = host.process!;

async function read(stream: ReadableStream<Uint8Array> | null): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of stream as unknown as AsyncIterable<Uint8Array>)
    text += decoder.decode(part, { stream: true });
  return text;
}
const shell = (script: string, options = {}) =>
  control.spawn(["sh", "-c", script], { stdout: "pipe", stderr: "pipe", ...options });

test("this process", () => {
  assert.equal(control.pid, process.pid);
  assert.ok(control.execPath.length > 0 && control.hostname.length > 0);
  assert.equal(control.cwd(), process.cwd());
  assert.ok(control.memory() > 10_000_000);
  assert.ok(control.memory() < 10_000_000_000);
  const addresses = control.addresses();
  for (const { address, family } of addresses) {
    assert.ok(address !== "127.0.0.1" && address !== "::1");
    assert.equal(family, address.includes(":") ? 6 : 4);
  }
  assert.deepEqual(
    addresses.map((one) => one.family),
    addresses.map((one) => one.family).sort(),
  );
});

test("a child's output, environment, folder and exit code", async () => {
  const child = shell('echo "$WORD in $(pwd)"; echo oops >&2; exit 7', {
    cwd: "/",
    env: { WORD: "hello", PATH: process.env.PATH ?? "" },
  });
  assert.ok(child.pid > 0);
  const [out, err, code] = await Promise.all([read(child.stdout), read(child.stderr), child.exited]);
  assert.deepEqual([out, err, code], ["hello in /\n", "oops\n", 7]);
});

test("much output arrives whole although it is read late", async () => {
  const child = shell("i=0; while [ $i -lt 2000 ]; do printf '%01000d' 0; i=$((i+1)); done");
  await sleep(50);
  const [out, code] = await Promise.all([read(child.stdout), child.exited]);
  assert.deepEqual([out.length, code], [2_000_000, 0]);
});

test("the exit code of a signal is 128 and its number", async () => {
  const child = shell("sleep 60");
  child.kill("SIGKILL");
  assert.equal(await child.exited, 137);
  child.kill("SIGKILL");
});

test("a group's signal reaches the child's children", async () => {
  const child = shell("sleep 60 & echo $!; wait", { group: true });
  const reader = child.stdout!.getReader();
  const grandchild = Number(new TextDecoder().decode((await reader.read()).value));
  assert.ok(grandchild > 0);
  assert.equal(control.signal(grandchild, 0), true);
  child.kill("SIGTERM");
  assert.equal(await child.exited, 143);
  // A zombie that nobody collects still answers, so its state decides.
  await until(() => !control.signal(grandchild, 0) || isZombie(grandchild), "the grandchild ended");
});
function isZombie(pid: number): boolean {
  try {
    const status = process.getBuiltinModule("node:fs").readFileSync(`/proc/${pid}/stat`, "utf8");
    return status.slice(status.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return true;
  }
}

test("a program that does not exist", async () => {
  const child = control.spawn(["/nowhere/program"], {});
  await assert.rejects(child.exited, /starting "\/nowhere\/program" failed/);
  assert.equal(child.pid, -1);
});

test("signals to nobody say so", () => {
  assert.equal(control.signal(control.pid, 0), true);
  assert.equal(control.signal(0x3fff_fff0, 0), false);
  assert.equal(control.signal(0x3fff_fff0, "SIGTERM"), false);
});

test("a signal reaches its listener until it is removed", async () => {
  let heard = 0;
  const stop = control.onSignal("SIGHUP", () => (heard += 1));
  const keep = control.onSignal("SIGHUP", () => {});
  control.signal(control.pid, "SIGHUP");
  await until(() => heard === 1, "the signal was heard");
  stop();
  control.signal(control.pid, "SIGHUP");
  await sleep(30);
  assert.equal(heard, 1);
  keep();
});

/** Runs a module of the repository with this runtime. */
function run(script: string): readonly string[] {
  const path = new URL(script, import.meta.url).pathname;
  if (host.name === "deno") return [control.execPath, "run", "-A", "--no-check", path];
  return [control.execPath, path];
}

test("output is complete and in order although the process exits at once", async () => {
  const child = control.spawn(run("./output-program.ts"), {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env } as Record<string, string>,
  });
  const [out, err, code] = await Promise.all([read(child.stdout), read(child.stderr), child.exited]);
  const lines = out.split("\n");
  assert.equal(lines.length, 20_001);
  lines.slice(0, -1).forEach((line, index) => assert.equal(line, `line ${index} é`));
  assert.match(err, /last words/);
  assert.equal(code, 5);
});

test("standard input is read to its end", async () => {
  const command = run("./stdin-program.ts")
    .map((part) => `'${part}'`)
    .join(" ");
  const child = shell(`printf 'one\\ntwo é' | ${command}`, { env: { ...process.env } as Record<string, string> });
  assert.equal(await read(child.stdout), "[one\ntwo é]");
});
