import assert from "node:assert/strict";
import { test } from "node:test";
import { createAbortListeners } from "./abort-listeners.ts";

test("all listeners of a signal hear of its end once, those that were taken back do not", () => {
  const listeners = createAbortListeners();
  const [first, second] = [new AbortController(), new AbortController()];
  const heard: string[] = [];
  const hear = (name: string) => (): void => void heard.push(name);
  listeners.add(first.signal, hear("a"));
  const takeBack = listeners.add(first.signal, hear("b"));
  listeners.add(first.signal, hear("c"));
  listeners.add(second.signal, hear("d"));
  takeBack();
  first.abort();
  assert.deepEqual(heard, ["a", "c"]);
  second.abort();
  assert.deepEqual(heard, ["a", "c", "d"]);
});

test("a signal without listeners can get some again", () => {
  const listeners = createAbortListeners();
  const ending = new AbortController();
  let count = 0;
  const first = listeners.add(ending.signal, () => count++);
  first();
  listeners.add(ending.signal, () => count++);
  first();
  ending.abort();
  assert.equal(count, 1);
});
