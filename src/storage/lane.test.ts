import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LaneReceiver, LaneSender } from "./lane.ts";

function lane(bytes: number): { sender: LaneSender; receiver: LaneReceiver } {
  const memory = new SharedArrayBuffer(bytes);
  return { sender: new LaneSender(memory), receiver: new LaneReceiver(memory) };
}

/** Puts a record of `size` bytes of one value; false when there is no room. */
function put(sender: LaneSender, size: number, value: number): boolean {
  const place = sender.reserve(size);
  if (place < 0) return false;
  sender.bytes.fill(value, place, place + size);
  sender.put(size);
  return true;
}

/** The next record as its size and bytes, and where it ends. */
function take(receiver: LaneReceiver): { bytes: readonly number[]; end: number } | undefined {
  const place = receiver.peek();
  if (place < 0) return undefined;
  const bytes = [...receiver.bytes.subarray(place, place + receiver.size)];
  return { bytes, end: receiver.advance() };
}

test("records arrive whole and in order, whatever is sent, taken and released when", () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant("put" as const), size: fc.nat(40) }),
    fc.record({ kind: fc.constantFrom("send" as const, "take" as const, "release" as const) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const { sender, receiver } = lane(192 + 128);
      const put_: { size: number; value: number }[] = [];
      let sent = 0;
      let taken = 0;
      let ends: number[] = [];
      for (const next of actions) {
        if (next.kind === "put") {
          const value = put_.length % 251;
          if (put(sender, next.size, value)) put_.push({ size: next.size, value });
        } else if (next.kind === "send") {
          sender.send();
          sent = put_.length;
        } else if (next.kind === "take") {
          const found = take(receiver);
          assert.equal(found !== undefined, taken < sent);
          if (found === undefined) continue;
          const { size, value } = put_[taken++]!;
          assert.deepEqual(found.bytes, new Array(size).fill(value));
          ends.push(found.end);
        } else if (ends.length > 0) {
          receiver.release(ends[0]!);
          ends = ends.slice(1);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("a full lane has room again when its records are released, not when they are read", () => {
  const { sender, receiver } = lane(192 + 64);
  let count = 0;
  while (put(sender, 12, count)) count++;
  assert.equal(count, 3);
  sender.send();
  const first = take(receiver);
  assert.equal(put(sender, 12, 9), false);
  receiver.release(first!.end);
  assert.equal(put(sender, 8, 9), true);
  assert.deepEqual(take(receiver)?.bytes, new Array(12).fill(1));
});

test("the receiver is told once until it looks again", () => {
  const { sender, receiver } = lane(1024);
  put(sender, 1, 1);
  assert.equal(sender.send(), true);
  put(sender, 1, 2);
  assert.equal(sender.send(), false);
  receiver.listen();
  assert.deepEqual([take(receiver)?.bytes, take(receiver)?.bytes, take(receiver)], [[1], [2], undefined]);
  put(sender, 1, 3);
  assert.equal(take(receiver), undefined);
  assert.equal(sender.send(), true);
});

test("a record may be shorter than the room that was reserved for it", () => {
  const { sender, receiver } = lane(1024);
  const place = sender.reserve(500);
  sender.bytes.fill(7, place, place + 3);
  sender.put(3);
  assert.equal(put(sender, 700, 8), true);
  sender.send();
  assert.deepEqual(take(receiver)?.bytes, [7, 7, 7]);
  assert.equal(take(receiver)?.bytes.length, 700);
});
