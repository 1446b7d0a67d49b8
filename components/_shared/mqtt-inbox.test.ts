import assert from "node:assert/strict";
import { test } from "node:test";
import { createMqttInbox, type MqttPacket } from "./mqtt-inbox.ts";

const packet = (id: number, text: string, change: Partial<MqttPacket> = {}): MqttPacket => ({
  id,
  topic: "t",
  data: new TextEncoder().encode(text),
  qos: 1,
  isRetained: false,
  isDuplicate: false,
  ...change,
});

function world() {
  const deliveries: { readonly text: string; readonly settle: (isTaken: boolean) => void }[] = [];
  const acknowledged: number[] = [];
  const state = { isConnected: true };
  const inbox = createMqttInbox({
    deliver: ({ data }) => new Promise((settle) => deliveries.push({ text: new TextDecoder().decode(data), settle })),
    acknowledge({ id }) {
      if (state.isConnected) acknowledged.push(id);
      return state.isConnected;
    },
  });
  const turn = () => new Promise<void>((resolve) => setTimeout(resolve));
  return { inbox, deliveries, acknowledged, state, turn };
}

test("acknowledgements follow the handlers, in their order", async () => {
  const { inbox, deliveries, acknowledged, turn } = world();
  inbox.connected(false);
  for (const id of [1, 2, 3]) inbox.received(packet(id, String(id)));
  inbox.received(packet(0, "none", { qos: 0 }));
  deliveries[2]?.settle(true);
  deliveries[3]?.settle(true);
  await turn();
  deliveries[0]?.settle(false);
  deliveries[1]?.settle(true);
  await turn();
  assert.deepEqual(acknowledged, [3, 2]);
});

test("a message that comes again on the next connection is not delivered again, and is acknowledged there", async () => {
  const { inbox, deliveries, acknowledged, state, turn } = world();
  inbox.connected(false);
  inbox.received(packet(1, "slow"));
  inbox.received(packet(2, "done while away"));
  state.isConnected = false;
  deliveries[1]?.settle(true);
  await turn();
  state.isConnected = true;
  inbox.connected(true);
  assert.deepEqual(acknowledged, []);
  inbox.received(packet(1, "slow", { isDuplicate: true }));
  inbox.received(packet(2, "done while away", { isDuplicate: true }));
  assert.deepEqual(acknowledged, [2]);
  deliveries[0]?.settle(true);
  await turn();
  assert.deepEqual(acknowledged, [2, 1]);
  assert.equal(deliveries.length, 2);
});

test("what was done between two connections waits for the broker to send it again", async () => {
  const { inbox, deliveries, acknowledged, turn } = world();
  inbox.connected(false);
  inbox.received(packet(1, "x"));
  inbox.connected(true);
  deliveries[0]?.settle(true);
  await turn();
  assert.deepEqual(acknowledged, []);
  inbox.received(packet(1, "x", { isDuplicate: true }));
  assert.deepEqual([acknowledged, deliveries.length], [[1], 1]);
});

test("numbers of a session that is gone stand for other messages", async () => {
  const { inbox, deliveries, acknowledged, turn } = world();
  inbox.connected(false);
  inbox.received(packet(1, "old"));
  inbox.connected(false);
  inbox.received(packet(1, "new", { isDuplicate: true }));
  deliveries[0]?.settle(true);
  await turn();
  assert.deepEqual(acknowledged, []);
  deliveries[1]?.settle(true);
  await turn();
  assert.deepEqual(acknowledged, [1]);
  // In a session that goes on, too: the number was free for the broker.
  inbox.received(packet(2, "one"));
  inbox.connected(true);
  inbox.received(packet(2, "another", { isDuplicate: true }));
  assert.deepEqual(
    deliveries.map(({ text }) => text),
    ["old", "new", "one", "another"],
  );
});

test("what the app refused is delivered again when it comes again", async () => {
  const { inbox, deliveries, acknowledged, turn } = world();
  inbox.connected(false);
  inbox.received(packet(1, "x"));
  deliveries[0]?.settle(false);
  await turn();
  inbox.connected(true);
  inbox.received(packet(1, "x", { isDuplicate: true }));
  deliveries[1]?.settle(true);
  await turn();
  assert.deepEqual([acknowledged, deliveries.length], [[1], 2]);
});
