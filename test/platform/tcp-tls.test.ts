import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { after, test } from "node:test";
import { TLSSocket } from "node:tls";
import type { TcpConnect, TcpError } from "../../src/platform/types.ts";
import { loopback, loopbackAuthority } from "../harness/loopback-certificate.ts";
import { strangeAuthority } from "./certificates.ts";
import { createHost } from "./host.ts";

const host = await createHost();
const sockets = new Set<Socket>();

// Greets plainly, then waits for the change to TLS and answers in capitals.
const server = createServer((plain) => {
  sockets.add(plain);
  plain.on("error", () => {});
  plain.write("hello");
  const secured = new TLSSocket(plain, { isServer: true, ...loopback });
  secured.on("error", () => {});
  secured.on("data", (data: Uint8Array) => secured.write(new TextDecoder().decode(data).toUpperCase()));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as { port: number };
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

function exchange(tls: NonNullable<TcpConnect["tls"]>): Promise<{ seen: string[]; error?: TcpError | undefined }> {
  const seen: string[] = [];
  return new Promise((resolve) => {
    let opened = 0;
    const socket = host.tcp!(
      { host: "127.0.0.1", port, tls: { ...tls, onDemand: true } },
      {
        onOpen() {
          opened += 1;
          if (opened === 2) socket.writeText("quiet ", new TextEncoder().encode("words"));
        },
        onData(chunk) {
          seen.push(new TextDecoder().decode(chunk));
          if (seen.length === 1) socket.startTls!();
          else socket.destroy();
        },
        onEnd() {},
        onDrain() {},
        onClose: (error) => resolve({ seen, error }),
      },
    );
  });
}

test("a connection changes to TLS when the protocol asks for it", async () => {
  const { seen, error } = await exchange({ ca: loopbackAuthority });
  assert.deepEqual(seen, ["hello", "QUIET WORDS"]);
  assert.equal(error, undefined);
});

test("a server of a strange authority is refused when the connection changes to TLS", async () => {
  const { seen, error } = await exchange({ ca: strangeAuthority });
  assert.deepEqual(seen, ["hello"]);
  assert.ok(error instanceof Error);
});

test("a connection that never changes over has no way to", () => {
  const socket = host.tcp!(
    { host: "127.0.0.1", port },
    { onOpen() {}, onData() {}, onEnd() {}, onDrain() {}, onClose() {} },
  );
  assert.equal(socket.startTls, undefined);
  socket.destroy();
});
