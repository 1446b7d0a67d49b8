import assert from "node:assert/strict";
import { test } from "node:test";
import { createAbortListeners } from "./abort-listeners.ts";

test("all listeners of a signal hear of its end once, those that were taken back do not", () => {
  const listeners = createAbortListeners();
  const [first, second] = [new AbortController(), new AbortController()];
  const heard: string[] = [];
  const named = (name: string) => ({ aborted: (reason: unknown) => void heard.push(`${name} ${String(reason)}`) });
  listeners.add(first.signal, named("a"));
  const gone = named("b");
  listeners.add(first.signal, gone);
  listeners.add(first.signal, named("c"));
  listeners.add(second.signal, named("d"));
  listeners.remove(first.signal, gone);
  listeners.remove(second.signal, gone);
  first.abort("one");
  assert.deepEqual(heard, ["a one", "c one"]);
  second.abort("two");
  assert.deepEqual(heard, ["a one", "c one", "d two"]);
});

test("a signal without listeners can get some again", () => {
  const listeners = createAbortListeners();
  const ending = new AbortController();
  let count = 0;
  const first = { aborted: () => void count++ };
  listeners.add(ending.signal, first);
  listeners.remove(ending.signal, first);
  listeners.add(ending.signal, { aborted: () => void count++ });
  listeners.remove(ending.signal, first);
  ending.abort();
  assert.equal(count, 1);
});
