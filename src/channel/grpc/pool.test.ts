import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../kit/virtual-clock.ts";
import type { Http2Client, Http2Connect } from "../../platform/types.ts";
import { createGrpcPool } from "./pool.ts";

function createPool() {
  const clock = createVirtualClock();
  const made: { readonly to: Http2Connect; openStreams: number; isClosed: boolean }[] = [];
  const connect = (to: Http2Connect): Http2Client => {
    const one = { to, openStreams: 0, isClosed: false };
    made.push(one);
    return {
      connected: true,
      get openStreams() {
        return one.openStreams;
      },
      request: () => assert.fail("nothing is called here"),
      async close() {
        one.isClosed = true;
      },
    };
  };
  return { clock, made, pool: createGrpcPool({ connect, clock, maxReceiveBytes: 1, maxSendBytes: 1 }) };
}

const a = { host: "a", port: 1 };

describe("the pool", () => {
  it("keeps one client for an address", () => {
    const { pool, made } = createPool();
    assert.equal(pool.get(a), pool.get({ ...a }));
    assert.notEqual(pool.get(a), pool.get({ host: "a", port: 2 }));
    assert.notEqual(pool.get(a), pool.get({ ...a, key: "a as somebody else" }));
    assert.equal(made.length, 3);
  });

  it("opens another connection when one has a hundred calls", () => {
    const { pool, made } = createPool();
    const first = pool.get(a);
    made[0]!.openStreams = 100;
    const second = pool.get(a);
    assert.notEqual(first, second);
    made[0]!.openStreams = 99;
    assert.equal(pool.get(a), first);
  });

  it("closes what was idle for three minutes, and nothing that is busy", async () => {
    const { pool, made, clock } = createPool();
    pool.get(a);
    pool.get({ host: "b", port: 1 });
    made[1]!.openStreams = 1;
    await clock.advance(120_000);
    assert.equal(pool.size, 2);
    await clock.advance(105_000);
    assert.deepEqual(
      made.map(({ isClosed }) => isClosed),
      [true, false],
    );
    assert.notEqual(pool.get(a), undefined);
    assert.equal(made.length, 3);
    made[1]!.openStreams = 0;
    await clock.advance(600_000);
    assert.equal(pool.size, 0);
    assert.equal(clock.pending, 0);
  });

  it("closes all at its end", async () => {
    const { pool, made, clock } = createPool();
    pool.get(a);
    await pool.close();
    assert.ok(made.every(({ isClosed }) => isClosed));
    assert.equal(clock.pending, 0);
  });
});
