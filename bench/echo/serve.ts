import { libc } from "../net/libc.ts";
import { createPoller } from "../net/poller.ts";
import { acceptTcp, createInbox, listenTcp, Outbox } from "../net/tcp.ts";
import { preface } from "../wire/h2-frames.ts";
import type { Session, Write } from "./session.ts";

/** Makes the session of a new connection, given how to write to it. */
export type OpenSession = (write: Write) => Session;

/** Listens on loopback; `run` serves HTTP/1.1 and h2c on that port until the process ends, and blocks the thread. */
export const createServer = (port: number, openHttp1: OpenSession, openGrpc: OpenSession) => {
  const listener = listenTcp(port);
  const run = (): never => {
    const poller = createPoller();
    poller.add(listener.fd);
    const inbox = createInbox();
    const sessions: ({ outbox: Outbox; receive: Session } | undefined)[] = [];
    const accept = () => {
      for (let fd = acceptTcp(listener.fd); fd >= 0; fd = acceptTcp(listener.fd)) {
        const outbox = new Outbox(fd);
        const write: Write = (room, end) => outbox.send(room, 0, end);
        let session: Session | undefined;
        // The first byte tells the protocol: no HTTP/1.1 method of this bench starts like the HTTP/2 preface ("PR").
        const receive: Session = (bytes, length) => {
          session ??= bytes[0] === preface[0] && bytes[1] === preface[1] ? openGrpc(write) : openHttp1(write);
          session(bytes, length);
        };
        sessions[fd] = { outbox, receive };
        poller.add(fd);
      }
    };
    for (;;) {
      const ready = poller.wait(-1);
      for (let index = 0; index < ready; index++) {
        const fd = poller.fd(index);
        if (fd === listener.fd) {
          accept();
          continue;
        }
        const connection = sessions[fd];
        if (connection === undefined) continue;
        if (poller.writable(index)) {
          connection.outbox.flush();
          if (!connection.outbox.waiting) poller.watchWrites(fd, false);
        }
        if (!poller.readable(index)) continue;
        const length = inbox.receive(fd);
        if (length > 0) connection.receive(inbox.bytes, length);
        else if (length === 0) {
          poller.remove(fd);
          libc.close(fd);
          sessions[fd] = undefined;
          continue;
        }
        if (connection.outbox.waiting) poller.watchWrites(fd, true);
      }
    }
  };
  return { port: listener.port, run };
};
