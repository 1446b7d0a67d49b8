import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../test/harness/temporary-folder.ts";
import { createDriver } from "./new-driver.ts";
import { root, tool } from "./shell.ts";

function repository(): string {
  const folder = temporaryFolder().path;
  for (const part of ["src", "test", "node_modules", "package.json"]) symlinkSync(join(root, part), join(folder, part));
  const settings = { extends: join(root, "tsconfig.json"), include: ["components"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
  return folder;
}
const run = (program: string, args: readonly string[], cwd: string, input?: string) => {
  const { status, stdout, stderr } = spawnSync(tool(program), args, { cwd, input, encoding: "utf8" });
  return { status, output: stdout + stderr, stdout };
};

// They start compilers, which take their time on a busy machine.
const slow = { timeout: 60_000 };

for (const [category, name] of [
  ["state", "valkey"],
  ["secretstores", "acme.vault-2"],
] as const)
  test(
    `a new driver of ${category} is formatted, in the catalog, and fails its suite until it is written`,
    slow,
    () => {
      const folder = repository();
      const { files, steps } = createDriver(category, name, folder);
      const place = `components/${category}/${name}/${name}`;
      assert.deepEqual(files, [`${place}.ts`, `${place}.test.ts`, "components/catalog.gen.ts"]);
      assert.equal(steps.length, 3);
      const catalog = readFileSync(join(folder, "components/catalog.gen.ts"), "utf8");
      assert.ok(catalog.includes(`"${category}.${name}": () => import("./${category}/${name}/${name}.ts"),`), catalog);
      for (const path of files.slice(0, 2)) {
        const text = readFileSync(join(folder, path), "utf8");
        const { status, stdout, output } = run("biome", ["check", "--write", `--stdin-file-path=${path}`], root, text);
        assert.equal(status, 0, output);
        assert.equal(stdout, text);
      }
      const { status, output } = run("bun", ["test", `./${place}.test.ts`], folder);
      assert.equal(status, 1, output);
      assert.ok(output.includes(`cannot get: ${category}.${name} is not written yet`), output);
    },
  );

test("new drivers pass the compiler", slow, () => {
  const folder = repository();
  createDriver("state", "valkey", folder);
  createDriver("secretstores", "acme.vault-2", folder);
  const { status, output } = run("tsc", ["-p", "."], folder);
  // Only what was made here counts, not what else the compiler comes across.
  assert.ok(status === 0 || (output.includes("error TS") && !/^components\//m.test(output)), output);
});

test("what is there is never overwritten, and names are checked", () => {
  const folder = repository();
  createDriver("state", "valkey", folder);
  const before = readFileSync(join(folder, "components/state/valkey/valkey.ts"), "utf8");
  assert.throws(() => createDriver("state", "valkey", folder), {
    message: 'cannot make "components/state/valkey": it is there already',
  });
  assert.equal(readFileSync(join(folder, "components/state/valkey/valkey.ts"), "utf8"), before);
  assert.throws(() => createDriver("stat", "x", folder), /known: state, secretstores$/);
  assert.throws(() => createDriver("constructor", "x", folder), /cannot make a driver of category/);
  for (const name of ["", "../x", "A", "a..b", "a b", "_x"])
    assert.throws(() => createDriver("state", name, folder), /use small letters, digits, dots and dashes$/);
});
