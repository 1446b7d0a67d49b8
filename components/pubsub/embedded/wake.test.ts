import assert from "node:assert/strict";
import { test } from "node:test";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { createWake, PEERS_KNOWN_MS } from "./wake.ts";

const { udp, clock } = await hostPlatform();

test("a wake-up reaches those who listen to the topic; other datagrams do not", async () => {
  const heard: number[] = [];
  let arrived = Promise.withResolvers<void>();
  const listener = createWake({
    udp,
    clock,
    peers: () => [],
    woken(topic) {
      heard.push(topic);
      arrived.resolve();
    },
  });
  const port = await listener.listen();
  const asked: number[] = [];
  const sender = createWake({
    udp,
    clock,
    peers(topic) {
      asked.push(topic);
      return topic === 7 ? [port] : [];
    },
    woken: () => assert.fail("the sender was woken"),
  });
  const stranger = await udp!({ host: "127.0.0.1", port: 0, onMessage: () => undefined });
  for (const noise of [[], [1, 2, 3], [0, 0, 0, 0, 0, 0, 0, 7]])
    stranger.send(Uint8Array.from(noise), "127.0.0.1", port);
  for (const topic of [7, 8, 7]) sender.notify(topic);
  await arrived.promise;
  assert.deepEqual([asked, heard], [[7, 8], [7]]);
  arrived = Promise.withResolvers<void>();
  sender.notify(7);
  await sender.close();
  await arrived.promise;
  assert.deepEqual(heard, [7, 7]);
  sender.notify(7);
  stranger.close();
  await listener.close();
});

test("who listens is asked for once in a while, not for each wake-up", async () => {
  let now = 0;
  const asked: number[] = [];
  const wake = createWake({
    udp: async () => ({ port: 1, send: () => undefined, close: () => undefined }),
    clock: { monotonic: () => now, after: () => () => undefined },
    peers(topic) {
      asked.push(topic);
      return [];
    },
    woken: () => undefined,
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  for (const [at, topic] of [
    [10, 7],
    [20, 8],
    [9 + PEERS_KNOWN_MS, 7],
    [10 + PEERS_KNOWN_MS, 7],
  ] as const) {
    now = at;
    wake.notify(topic);
    await turn();
  }
  assert.deepEqual(asked, [7, 8, 7]);
  await wake.close();
});

test("without UDP nothing is sent and the port is 0", async () => {
  const wake = createWake({ udp: undefined, clock, peers: () => assert.fail("asked"), woken: () => undefined });
  assert.equal(await wake.listen(), 0);
  wake.notify(1);
  await wake.close();
});
