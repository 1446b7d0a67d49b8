import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../test/harness/temporary-folder.ts";
import { rerunOnChange } from "./rerun-on-change.ts";
import { tool } from "./shell.ts";

const slow = { timeout: 60_000 };

async function until(look: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!look()) {
    if (Date.now() > end) throw new Error("waited 30 s in vain");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function prepare(script: string) {
  const folder = temporaryFolder().path;
  const watched = join(folder, "watched");
  const log = join(folder, "log.txt");
  mkdirSync(join(watched, "below"), { recursive: true });
  writeFileSync(log, "");
  writeFileSync(join(folder, "program.mjs"), `import { appendFileSync } from "node:fs";\n${script}`);
  const said: string[] = [];
  const rerun = rerunOnChange({
    command: [tool("node"), join(folder, "program.mjs"), log],
    cwd: folder,
    folders: [watched],
    concerns: (path) => path.endsWith(".ts"),
    say: (line) => said.push(line),
    settleMs: 50,
  });
  const lines = (): string[] => readFileSync(log, "utf8").split("\n").slice(0, -1);
  // One event of the system: a file that is written in place makes several, which a busy machine may space out.
  const change = (path: string): void => {
    writeFileSync(join(folder, "next"), "");
    renameSync(join(folder, "next"), join(watched, path));
  };
  return { rerun, said, lines, change };
}

test("a change ends the command in good order and starts it anew; other files do not", slow, async () => {
  const { rerun, said, lines, change } = prepare(`
    const say = (line) => appendFileSync(process.argv[2], line + "\\n");
    process.on("SIGINT", () => { say("end"); process.exit(0); });
    setInterval(() => undefined, 1000);
    say("start");`);
  await until(() => lines().length === 1);
  change("notes.md");
  change("a.ts");
  change("below/b.ts");
  await until(() => lines().length >= 3);
  await rerun.stop();
  const ran = lines();
  assert.ok(ran.length >= 4);
  // However many events the system made of the changes: never two at a time, and the last one was ended.
  assert.deepEqual(
    ran,
    ran.map((_, index) => (index % 2 === 0 ? "start" : "end")),
  );
  assert.equal(ran.at(-1), "end");
  assert.equal(said.length, ran.length / 2 - 1);
  for (const line of said) assert.match(line, /\.ts changed, starting again$/);
  change("a.ts");
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual(lines(), ran);
});

test("a command that failed is started with the next change", slow, async () => {
  const { rerun, said, lines, change } = prepare(`appendFileSync(process.argv[2], "start\\n"); process.exit(3);`);
  await until(() => said.includes("ended with 3, waiting for a change"));
  assert.deepEqual(lines(), ["start"]);
  change("a.ts");
  await until(() => said.filter((line) => line.startsWith("ended with 3")).length === 2);
  assert.deepEqual(lines(), ["start", "start"]);
  await rerun.stop();
});
