import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import type { Step } from "../../../src/storage/storage.ts";
import { createAcks } from "./acks.ts";

function open() {
  const writes: string[][] = [];
  const failures: unknown[] = [];
  const clock = createVirtualClock();
  const disk = { isFull: false };
  const acks = createAcks({
    storage: {
      async write(steps: readonly Step[]) {
        if (disk.isFull) throw new Error("full");
        writes.push(steps.map(({ params }) => params.join()));
        return [];
      },
    },
    clock,
    owner: 7,
    failed: (error) => void failures.push(error),
  });
  return { writes, failures, clock, disk, acks };
}

test("acknowledgements wait a moment for each other and go in one write", async () => {
  const { acks, clock, writes } = open();
  for (const [group, seq] of [
    [1, 10],
    [2, 10],
    [1, 11],
  ] as const)
    acks.add(group, seq);
  assert.deepEqual([writes.length, acks.open], [0, 3]);
  await clock.advance(10);
  assert.deepEqual(writes, [["1,7,[10,11]", "2,7,[10]"]]);
  assert.deepEqual([acks.open, clock.pending], [0, 0]);
});

test("many do not wait", () => {
  const { acks, writes } = open();
  for (let seq = 0; seq < 256; seq++) acks.add(1, seq);
  assert.equal(writes.length, 1);
});

test("a failed write is tried again with what came meanwhile, until the end", async () => {
  const { acks, clock, disk, writes, failures } = open();
  disk.isFull = true;
  acks.add(1, 1);
  await clock.advance(10);
  acks.add(1, 2);
  assert.deepEqual([failures.length, acks.open], [1, 2]);
  disk.isFull = false;
  await clock.advance(2000);
  assert.deepEqual([writes, acks.open], [[["1,7,[1,2]"]], 0]);
  disk.isFull = true;
  acks.add(1, 3);
  await acks.close();
  assert.deepEqual([failures.length, clock.pending], [2, 0]);
});
