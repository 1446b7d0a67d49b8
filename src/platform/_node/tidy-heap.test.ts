import assert from "node:assert/strict";
import { test } from "node:test";
import { createTidyHeap } from "./tidy-heap.ts";

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
