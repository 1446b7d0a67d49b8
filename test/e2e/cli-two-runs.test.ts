import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { appScript, executable, node } from "../harness/pillion.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

/** A network of its own, with nothing but loopback, on which nothing is sent to groups. */
const alone = ["unshare", "-rn", "sh", "-c", 'ip link set lo multicast off up && exec "$@"', "sh"] as const;

function canBeAlone(): boolean {
  const [program, ...args] = alone;
  return spawnSync(program, [...args, "true"]).status === 0;
}

test("two runs call each other and pass events on where multicast is blocked", {
  skip: !canBeAlone() && "no unshare",
}, () => {
  const script = join(import.meta.dirname ?? "", "../harness/two-runs.mjs");
  const dataDir = join(temporaryFolder().path, "data");
  const [program, ...args] = [...alone, node, script, executable, node, appScript, dataDir];
  const { stdout } = spawnSync(program, args, { encoding: "utf8" });
  assert.equal(
    stdout,
    [
      "invoke one two 200 two",
      "header one two 200 two",
      "publish one 204",
      "event one everywhere",
      "invoke two one 200 one",
      "header two one 200 one",
      "publish two 204",
      "event two everywhere",
      "",
    ].join("\n"),
  );
});
