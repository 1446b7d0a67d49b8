import assert from "node:assert/strict";
import { test } from "node:test";
import { createVirtualClock } from "../../../src/kit/virtual-clock.ts";
import type { Step } from "../../../src/storage/storage.ts";
import { createAcks } from "./acks.ts";

function open() {
  const writes: string[][] = [];
  const failures: unknown[] = [];
  const acknowledged: number[] = [];
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
    written: (groups) => void acknowledged.push(...groups),
    failed: (error) => void failures.push(error),
  });
  return { writes, failures, acknowledged, clock, disk, acks };
}

const fence = { owner: 7, epoch: 0, attempt: 1 };

test("acknowledgements wait a moment for each other and go in one write", async () => {
  const { acks, clock, writes, acknowledged } = open();
  for (const [group, seq] of [
    [1, 10],
    [2, 10],
    [1, 11],
  ] as const)
    acks.add(group, fence, seq, null);
  assert.deepEqual([writes.length, acks.open], [0, 3]);
  await clock.advance(10);
  assert.deepEqual(writes, [["1,7,0,1,[10,11]", "2,7,0,1,10"]]);
  assert.deepEqual([acks.open, clock.pending], [0, 0]);
  assert.deepEqual(acknowledged, [1, 2]);
});

test("many do not wait", () => {
  const { acks, writes } = open();
  for (let seq = 0; seq < 256; seq++) acks.add(1, fence, seq, null);
  assert.equal(writes.length, 1);
});

test("a failed write is tried again with what came meanwhile, until the end", async () => {
  const { acks, clock, disk, writes, failures } = open();
  disk.isFull = true;
  acks.add(1, fence, 1, null);
  await clock.advance(10);
  acks.add(1, fence, 2, null);
  assert.deepEqual([failures.length, acks.open], [1, 2]);
  disk.isFull = false;
  await clock.advance(2000);
  assert.deepEqual([writes, acks.open], [[["1,7,0,1,[1,2]"]], 0]);
  disk.isFull = true;
  acks.add(1, fence, 3, null);
  await acks.close();
  assert.deepEqual([failures.length, clock.pending], [2, 0]);
});
