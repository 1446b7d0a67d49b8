import assert from "node:assert/strict";
import { test } from "node:test";
import { pullThePlug } from "../../scripts/pull-the-plug/run.ts";
import { executable } from "../harness/daprd-process.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

test("orders go through two services once each while the only process is killed", async () => {
  const lines: string[] = [];
  const verdict = await pullThePlug({
    command: [executable],
    folder: temporaryFolder().path,
    seed: (Date.now() % 1_000_000) + 1,
    handling: "exactly-once",
    orders: 120,
    kills: 3,
    say: (line) => void lines.push(line),
  });
  assert.deepEqual({ ...verdict, repeated: 0 }, { shipped: 120, lost: [], twice: [], faults: [], repeated: 0 });
  assert.equal(lines.length, 3);
});
