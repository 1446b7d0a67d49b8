import assert from "node:assert/strict";
import { test } from "node:test";
import type { UdpSocket } from "../../src/platform/types.ts";
import { bytes, createHost, until } from "./host.ts";

const host = await createHost();

test("datagrams go both ways", async () => {
  const heard: string[] = [];
  const one = await host.udp!({
    host: "127.0.0.1",
    port: 0,
    onMessage(data, from) {
      heard.push(`${from.host} ${new TextDecoder().decode(data)}`);
      one.send(bytes("back"), from.host, from.port);
    },
  });
  let back = "";
  const two = await host.udp!({
    host: "127.0.0.1",
    port: 0,
    onMessage: (data) => (back = new TextDecoder().decode(data)),
  });
  assert.ok(one.port > 0 && two.port > 0 && one.port !== two.port);
  two.send(bytes("hello"), "127.0.0.1", one.port);
  await until(() => back === "back", "the answer came");
  assert.deepEqual(heard, ["127.0.0.1 hello"]);
  // Sending to nobody, and after closing, does no harm.
  one.close();
  two.send(bytes("lost"), "127.0.0.1", one.port);
  one.send(bytes("late"), "127.0.0.1", two.port);
  two.close();
  two.close();
});

test("multicast: two sockets share a port and hear the group", async (t) => {
  const group = "224.0.0.251";
  const heard = [0, 0];
  const open = (index: number, port: number): Promise<UdpSocket> =>
    host.udp!({
      host: "0.0.0.0",
      port,
      reuse: true,
      multicast: [{ group }],
      onMessage: () => (heard[index] = (heard[index] ?? 0) + 1),
    });
  const first = await open(0, 0).catch((error: Error) => error);
  if (first instanceof Error) return t.skip(`no multicast here: ${first.message}`);
  const second = await open(1, first.port);
  first.send(bytes("hello"), group, first.port);
  await until(() => heard[0]! > 0 && heard[1]! > 0, "both heard it");
  first.close();
  second.close();
});

test("an address that is not ours is refused", async () => {
  await assert.rejects(
    host.udp!({ host: "192.0.2.77", port: 0, onMessage() {} }),
    /opening UDP 192\.0\.2\.77:0 failed/,
  );
});
