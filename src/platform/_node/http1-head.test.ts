import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../kit/seeded-random.ts";
import { HeaderBlock, Refusal } from "./http1-head.ts";

const seed = 20261122;
const lines = [
  "Host: a",
  "host:b",
  "Content-Length: 7",
  "content-length: 7",
  "Content-Length: 8",
  "Content-Type: application/json",
  "content-type: text/plain",
  "Connection: close",
  "Connection:  keep-alive ",
  "Transfer-Encoding: chunked",
  "Expect: 100-continue",
  "Cookie: a=1",
  "Cookie: b=2",
  "X-One: 1",
  "X-One: 12",
  "X-One:",
  "broken",
  "bad value: \u0001",
];

/** All that can be asked of a block, or its refusal. */
function seen(text: string, last?: HeaderBlock): { block?: HeaderBlock; answers: unknown } {
  try {
    const block = new HeaderBlock(text, last);
    const all: [string, string][] = [];
    block.forEach((value, name) => all.push([name, value]));
    const { length, closes, keepsAlive, hosts, expects } = block;
    const got = ["Host", "content-type", "COOKIE", "x-one", "none"].map((name) => [block.get(name), block.has(name)]);
    return { block, answers: { all, got, length, closes, keepsAlive, hosts, expects } };
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return { answers: [error.status, error.message] };
  }
}

test("a block that is read beside the one before says the same as one that is read alone", () => {
  const random = createSeededRandom(seed);
  const one = (): string => lines[Math.floor(random.fraction() * lines.length)] as string;
  let current = ["Host: a"];
  let last: HeaderBlock | undefined;
  let blocks = 0;
  for (let round = 0; round < 20_000; round++) {
    const at = Math.floor(random.fraction() * (current.length + 1));
    const removed = Math.floor(random.fraction() * 2);
    current = current.toSpliced(at, removed, ...(random.fraction() < 0.6 && current.length < 9 ? [one()] : []));
    const text = current.join("\r\n");
    const alone = seen(text);
    const beside = seen(text, last);
    assert.deepEqual(beside.answers, alone.answers, `round ${round} of seed ${seed}: ${JSON.stringify(text)}`);
    if (beside.block !== undefined) {
      blocks++;
      last = beside.block;
    }
  }
  assert.ok(blocks > 2000, `only ${blocks} blocks were whole`);
});
