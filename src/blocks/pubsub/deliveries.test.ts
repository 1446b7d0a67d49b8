import assert from "node:assert/strict";
import { test } from "node:test";
import type { IncomingMessage } from "../../driver/pubsub.ts";
import { createSeededRandom } from "../../kit/seeded-random.ts";
import { createDeliveries } from "./deliveries.ts";

const message: IncomingMessage = { topic: "t", data: new Uint8Array(), contentType: "", metadata: {}, id: "17" };

test("a delivery is found by its id as it was told, until it is released", () => {
  const deliveries = createDeliveries(createSeededRandom(1));
  assert.equal(deliveries.find("00000000"), undefined);
  const [first, second] = [{ id: "a", source: "s" }, undefined].map((event) => deliveries.hold(message, event, "bus"));
  assert.ok(first !== undefined && second !== undefined);
  assert.match(first.id, /^[0-9a-f-]{36}-00000000$/);
  assert.equal(second.id, first.id.replace(/0$/, "1"));
  assert.deepEqual(
    [first.identity, second.identity],
    [
      { id: "a", source: "s" },
      { id: "17", source: "" },
    ],
  );
  assert.equal(deliveries.find(first.id), first);
  assert.equal(deliveries.find(second.id), second);
  for (const other of ["1", " 0000001", "000000001", "0x000001", "1e000000", "-0000001", "00000001 ", ""])
    assert.equal(deliveries.find(first.id.slice(0, -8) + other), undefined, other);
  assert.equal(deliveries.find(`x${first.id}`), undefined);
  deliveries.release(first);
  assert.equal(deliveries.find(first.id), undefined);
  assert.equal(deliveries.find(second.id), second);
});
