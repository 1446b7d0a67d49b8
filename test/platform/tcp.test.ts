import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { createHost } from "./host.ts";

const mostPerTurn = 3 * 1024 * 1024;

/** Bytes of a connection that has many megabytes waiting, by turn of the event loop. */
async function readFlood(pauses: boolean): Promise<{ readonly total: number; readonly perTurn: number[] }> {
  const host = await createHost();
  const flood = new Uint8Array(48 * 1024 * 1024);
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    accepted.resolve(socket);
    socket.end(flood);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const closed = Promise.withResolvers<void>();
  const perTurn: number[] = [0];
  let total = 0;
  let isOver = false;
  const turn = () => {
    if (isOver) return;
    perTurn.push(0);
    setImmediate(turn);
  };
  const socket = host.tcp!(
    { host: "127.0.0.1", port },
    {
      onOpen() {
        turn();
      },
      onData(chunk) {
        total += chunk.length;
        perTurn[perTurn.length - 1]! += chunk.length;
        if (!pauses) return;
        // A reader with room: it stops the source and wants more before anything else has run.
        socket.pause();
        queueMicrotask(() => socket.resume());
      },
      onEnd: () => socket.destroy(),
      onDrain() {},
      onClose: () => closed.resolve(),
    },
  );
  await closed.promise;
  isOver = true;
  (await accepted.promise).destroy();
  await new Promise((resolve) => server.close(resolve));
  return { total, perTurn };
}

for (const pauses of [false, true]) {
  test(`one connection takes a bounded part of a turn${pauses ? ", also when its reader asks for more at once" : ""}`, async () => {
    const { total, perTurn } = await readFlood(pauses);
    assert.equal(total, 48 * 1024 * 1024);
    assert.ok(Math.max(...perTurn) <= mostPerTurn, `one turn brought ${Math.max(...perTurn)} bytes`);
  });
}
