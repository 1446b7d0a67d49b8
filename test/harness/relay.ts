import { connect, createServer, type Socket } from "node:net";

/** A server before another one, through which the network between the two fails as tests want. */
export interface Relay {
  readonly port: number;
  /** Breaks all connections and refuses new ones, until `heal`. */
  cut(): Promise<void>;
  /** Lets connections stand and passes nothing on, until `heal`, which breaks them. */
  freeze(): void;
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a relay to a port of this machine. */
export async function startRelay(target: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let isFrozen = false;
  const pass = (from: Socket, to: Socket): void => {
    from.on("data", (chunk: Uint8Array) => {
      if (!isFrozen) to.write(chunk);
    });
    from.on("close", () => to.destroy());
    from.on("error", () => {});
  };
  let server = createServer();
  let port = 0;
  const listen = () =>
    new Promise<void>((resolve) => {
      server = createServer((near) => {
        const far = connect({ host: "127.0.0.1", port: target });
        for (const socket of [near, far]) sockets.add(socket);
        pass(near, far);
        pass(far, near);
      });
      server.listen(port, "127.0.0.1", () => {
        port = (server.address() as { port: number }).port;
        resolve();
      });
    });
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const cut = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      breakAll();
    });
  await listen();
  return {
    port,
    cut,
    freeze() {
      isFrozen = true;
    },
    async heal() {
      if (isFrozen) breakAll();
      isFrozen = false;
      if (!server.listening) await listen();
    },
    async close() {
      if (server.listening) await cut();
    },
  };
}
