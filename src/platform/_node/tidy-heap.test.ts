import assert from "node:assert/strict";
import { test } from "node:test";
import { createCollect, createTidyHeap } from "./tidy-heap.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("many bytes are tidied up between two turns, once", async () => {
  let runs = 0;
  const took = createTidyHeap(() => runs++);
  for (let megabytes = 0; megabytes < 30; megabytes++) took(1024 * 1024);
  assert.equal(runs, 0);
  await turn();
  assert.equal(runs, 1);
  took(1024);
  await turn();
  assert.equal(runs, 1);
});

test("many small pieces are tidied up, few never", async () => {
  let runs = 0;
  const took = createTidyHeap(() => runs++);
  for (let piece = 0; piece < 100; piece++) took(100);
  await turn();
  assert.equal(runs, 0);
  for (let piece = 0; piece < 400; piece++) took(100);
  await turn();
  assert.equal(runs, 1);
});

test("what outlives its youth is collected when there is much of it", () => {
  const sizes = [9e6, 11e6, 13e6, 9e6, 300e6, 400e6, 20e6, 31e6];
  const ran: string[] = [];
  const collect = createCollect({
    young() {
      ran.push("young");
      return sizes.shift() ?? 0;
    },
    whole() {
      ran.push("whole");
      return sizes[0] === 400e6 ? 290e6 : 6e6;
    },
  });
  const counts: number[] = [];
  while (sizes.length > 0) {
    collect();
    counts.push(ran.filter((kind) => kind === "whole").length);
  }
  assert.deepEqual(counts, [1, 1, 2, 2, 3, 3, 3, 4]);
});
