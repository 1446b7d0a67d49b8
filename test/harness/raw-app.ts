import { createServer, type Server, type Socket } from "node:net";

/** A server that answers by hand what it reads, byte for byte (Latin-1). */
export interface RawApp {
  readonly port: number;
  /** Everything received, by connection, in the order of arrival. */
  readonly received: string[];
  close(): Promise<void>;
}

/** Starts one on loopback, or on a unix socket. `answer` runs after every piece that arrives, with all of its connection so far. */
export async function startRawApp(
  answer: (socket: Socket, all: string, connection: number) => void,
  path?: string,
): Promise<RawApp> {
  const received: string[] = [];
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const index = received.push("") - 1;
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    socket.on("data", (data) => {
      received[index] += data.toString("latin1");
      answer(socket, received[index] as string, index);
    });
  });
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(path, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    received,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
