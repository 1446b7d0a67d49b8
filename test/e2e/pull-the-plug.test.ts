import assert from "node:assert/strict";
import { test } from "node:test";
import { type PullOptions, pullThePlug } from "../../scripts/pull-the-plug/run.ts";
import { executable } from "../harness/daprd-process.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

/** A run whose moments are drawn anew each time. */
async function pull(options: Pick<PullOptions, "handling" | "orders" | "kills">) {
  const lines: string[] = [];
  const verdict = await pullThePlug({
    ...options,
    command: [executable],
    folder: temporaryFolder().path,
    seed: (Date.now() % 1_000_000) + 1,
    say: (line) => void lines.push(line),
  });
  assert.equal(lines.length, options.kills);
  return verdict;
}

test("orders go through two services once each while the only process is killed", async () => {
  const verdict = await pull({ handling: "exactly-once", orders: 120, kills: 3 });
  assert.deepEqual({ ...verdict, repeated: 0 }, { shipped: 120, lost: [], twice: [], faults: [], repeated: 0 });
});

test("services that acknowledge before they work lose orders, and the check sees it", async () => {
  const { shipped, lost } = await pull({ handling: "ack-first", orders: 90, kills: 2 });
  assert.ok(lost.length > 0);
  assert.equal(shipped + lost.length, 90);
});
