import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");

/** The fenced blocks of a part of README, without its fences. */
function blocks(language: string, text: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    (match) => match[1] ?? "",
  );
}

/** The command of a line in a block, without the remark after it. */
const command = (line: string): string => (line.split(/\s+#/)[0] ?? "").trim();
const figures = (text: string): string =>
  text
    .replaceAll(/[\d.]+/g, "N")
    .replaceAll(/ +/g, " ")
    .trim();

const [firstScreen = ""] = readme.split("## Two commands");
const [two = ""] = blocks("sh", readme.slice(readme.indexOf("## Two commands")));
const commands = two.trim().split("\n").map(command);

describe("README", () => {
  test("says what this is in at most eight words", () => {
    const words = /\*\*(.+)\*\*/.exec(firstScreen)?.[1]?.split(" ") ?? [];
    assert.ok(words.length > 0 && words.length <= 8, words.join(" "));
  });

  test("has two commands; the second is what continuous integration runs", () => {
    assert.equal(commands.length, 2);
    const lines = readFileSync(join(root, ".ci/run"), "utf8").trim().split("\n");
    assert.equal(lines.at(-1), commands[1]);
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    assert.match(scripts["test"] ?? "", /^node /);
  });

  test("the first command runs the sample and prints what README shows, figures aside", () => {
    assert.equal(blocks("sh", firstScreen)[0]?.trim(), commands[0]);
    const [program = "", ...args] = (commands[0] ?? "").split(" ");
    const result = spawnSync(program, [...args.slice(0, 1), "--silent", ...args.slice(1)], {
      cwd: root,
      encoding: "utf8",
      shell: process.platform === "win32",
    });
    assert.equal(result.status, 0, result.stdout + result.stderr);
    assert.equal(figures(result.stdout), figures(blocks("text", firstScreen)[0] ?? ""));
  });
});
