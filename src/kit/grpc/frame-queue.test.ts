import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FrameQueue } from "./frame-queue.ts";

function createQueue() {
  const steps: string[] = [];
  const queue = new FrameQueue({
    pause: () => void steps.push("pause"),
    resume: () => void steps.push("resume"),
    abandoned: () => void steps.push("abandoned"),
  });
  return { queue, steps };
}

describe("a frame queue", () => {
  it("hands over in order, also to readers that wait", async () => {
    const { queue } = createQueue();
    const first = queue.next();
    const second = queue.next();
    for (let n = 1; n <= 3000; n++) queue.push(new Uint8Array([n & 255]));
    queue.close();
    queue.push(new Uint8Array([9]));
    const seen = [(await first).value?.[0], (await second).value?.[0]];
    for await (const frame of queue) seen.push(frame[0]);
    assert.deepEqual(
      seen,
      Array.from({ length: 3000 }, (_, at) => (at + 1) & 255),
    );
  });

  it("pauses its source while much waits", async () => {
    const { queue, steps } = createQueue();
    for (let n = 0; n < 10; n++) queue.push(new Uint8Array(10_000));
    assert.deepEqual(steps, ["pause"]);
    for (let n = 0; n < 8; n++) await queue.next();
    assert.deepEqual(steps, ["pause"]);
    await queue.next();
    assert.deepEqual(steps, ["pause", "resume"]);
  });

  it("gives an error at once and drops what waits", async () => {
    const { queue, steps } = createQueue();
    const waiting = createQueue();
    const next = waiting.queue.next();
    waiting.queue.close(new Error("over"));
    await assert.rejects(next, /over/);
    for (let n = 0; n < 10; n++) queue.push(new Uint8Array(10_000));
    queue.close(new Error("over"));
    await assert.rejects(queue.next(), /over/);
    assert.deepEqual(steps, ["pause", "resume"]);
  });

  it("tells its source when the reader leaves", async () => {
    const { queue, steps } = createQueue();
    queue.push(new Uint8Array(1));
    for await (const _ of queue) break;
    assert.deepEqual(steps, ["abandoned"]);
    assert.equal((await queue.next()).done, true);
    await queue.return();
    assert.deepEqual(steps, ["abandoned"]);
  });

  it("hands over to a sink what waits and what comes", () => {
    const { queue, steps } = createQueue();
    queue.push(new Uint8Array([1]));
    queue.forward({
      frame: (frame) => steps.push(`frame ${frame[0]}`) > 0,
      end: () => void steps.push("end"),
      broken: () => void steps.push("broken"),
    });
    queue.push(new Uint8Array([2]));
    queue.close();
    queue.push(new Uint8Array([3]));
    assert.deepEqual(steps, ["frame 1", "frame 2", "end"]);
    queue.close();
    assert.deepEqual(steps, ["frame 1", "frame 2", "end"]);
    queue.close(new Error("reset"));
    queue.close(new Error("again"));
    assert.deepEqual(steps, ["frame 1", "frame 2", "end", "broken"]);
  });

  it("keeps what comes while its sink is full, and stops its source", () => {
    const { queue, steps } = createQueue();
    let hasRoom = false;
    queue.forward({
      frame(frame) {
        steps.push(`frame ${frame[0]}`);
        return hasRoom;
      },
      end: () => void steps.push("end"),
      broken: (error) => void steps.push((error as Error).message),
    });
    for (const n of [1, 2, 3]) queue.push(new Uint8Array([n]));
    queue.close();
    assert.deepEqual(steps, ["frame 1", "pause"]);
    queue.resume();
    assert.deepEqual(steps, ["frame 1", "pause", "frame 2"]);
    hasRoom = true;
    queue.resume();
    assert.deepEqual(steps, ["frame 1", "pause", "frame 2", "frame 3", "end"]);
  });

  it("drops what waits for a sink when it breaks", () => {
    const { queue, steps } = createQueue();
    queue.forward({
      frame: (frame) => steps.push(`frame ${frame[0]}`) < 0,
      end: () => void steps.push("end"),
      broken: (error) => void steps.push((error as Error).message),
    });
    for (const n of [1, 2]) queue.push(new Uint8Array([n]));
    queue.close(new Error("reset"));
    queue.resume();
    assert.deepEqual(steps, ["frame 1", "pause", "resume", "reset"]);
  });
});
