import type { Socket } from "bun";
import type { Wire, WireEvents } from "../_http2/wire.ts";
import { plainAddress } from "./address.ts";
import { GreedyRead, type TookBytes } from "./greedy-read.ts";
import type { Dial } from "./http2-client.ts";
import type { Bind } from "./http2-server.ts";

/** Notices a peer that vanished without a word. */
const keepAliveMs = 30_000;

interface Accepted {
  readonly events: WireEvents;
  readonly reading: GreedyRead;
}

const wireOf = (socket: Socket<never>): Wire => ({
  write: (bytes) => socket.write(bytes),
  end: () => void socket.end(),
  destroy: () => void socket.terminate(),
});

/** Dials with Bun's own sockets, in the clear. */
export function createBunDial(tookBytes: TookBytes): Dial {
  return ({ host, port, path }, events) => {
    let socket: Socket<never> | undefined;
    let isOver = false;
    const reading = new GreedyRead(tookBytes);
    const close = (error?: Error): void => {
      if (isOver) return;
      isOver = true;
      reading.close();
      events.onClose(error);
    };
    const handlers = {
      open(opened: Socket<never>) {
        if (isOver) return void opened.terminate();
        socket = opened;
        reading.open(opened);
        opened.setNoDelay(true);
        opened.setKeepAlive(true, keepAliveMs);
        events.onOpen(wireOf(opened));
      },
      data(_: Socket<never>, chunk: Buffer) {
        reading.took(chunk.length);
        events.onData(chunk);
      },
      drain: () => events.onDrain(),
      end: (from: Socket<never>) => void from.end(),
      close: (_: Socket<never>, error?: Error) => close(error),
      error: (_: Socket<never>, error: Error) => close(error),
      // portable: for a unix socket it is called before the dialling call returns; the rejected promise says the same in time.
      connectError() {},
    };
    const place = path === undefined ? { hostname: host, port } : { unix: path };
    Bun.connect({ ...place, socket: handlers } as never).catch((error: unknown) => close(error as Error));
    return () => {
      socket?.terminate();
      close();
    };
  };
}

/** Listens with Bun's own sockets, in the clear. */
export function createBunBind(tookBytes: TookBytes): Bind {
  return (listen, accept) => {
    const close = (from: Socket<Accepted>): void => {
      if (from.data === undefined) return;
      from.data.reading.close();
      from.data.events.onClose();
    };
    const socket = {
      open(opened: Socket<Accepted>) {
        opened.setNoDelay(true);
        const reading = new GreedyRead(tookBytes);
        reading.open(opened);
        const events = accept(wireOf(opened as never), { remoteAddress: plainAddress(opened.remoteAddress) });
        opened.data = { events, reading };
      },
      data({ data: { events, reading } }: Socket<Accepted>, chunk: Buffer) {
        reading.took(chunk.length);
        events.onData(chunk);
      },
      drain: (from: Socket<Accepted>) => from.data.events.onDrain(),
      close,
      error: close,
    };
    const open = (place: { hostname: string; port: number } | { unix: string }) =>
      Bun.listen<Accepted>({ ...place, socket } as never) as {
        readonly port?: number;
        stop(closeActive?: boolean): void;
      };
    const openAll = () => {
      try {
        return open({ hostname: "::", port: listen.port });
      } catch (error) {
        // A host without IPv6.
        if ((error as { code?: unknown }).code === "EADDRINUSE") throw error;
        return open({ hostname: "0.0.0.0", port: listen.port });
      }
    };
    const server =
      listen.path !== undefined
        ? open({ unix: listen.path })
        : listen.host === ""
          ? openAll()
          : open({ hostname: listen.host, port: listen.port });
    return { port: server.port ?? 0, stop: () => server.stop() };
  };
}
