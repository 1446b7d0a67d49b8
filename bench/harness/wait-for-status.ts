import { libc } from "../net/libc.ts";
import { connectTcp, createInbox, Outbox, pin } from "../net/tcp.ts";

const pauseMs = 0.3;

/**
 * Asks until the address answers with the status; blocks the thread, so that no event loop delays the moment.
 * False after `limitSeconds` or once `alive` says no.
 */
export const waitForStatus = (
  port: number,
  path: string,
  status: number,
  limitSeconds: number,
  alive: () => boolean = () => true,
): boolean => {
  const until = Bun.nanoseconds() + limitSeconds * 1e9;
  const inbox = createInbox(4096);
  const request = pin(new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`));
  const wanted = `HTTP/1.1 ${status}`;
  const askOnce = (): boolean => {
    const fd = connectTcp("127.0.0.1", port);
    if (fd < 0) return false;
    new Outbox(fd).send(request, 0, request.bytes.length);
    let length = -1;
    while (length < 0 && Bun.nanoseconds() < until) {
      length = inbox.receive(fd);
      if (length < 0) Bun.sleepSync(pauseMs);
    }
    libc.close(fd);
    return new TextDecoder().decode(inbox.bytes.subarray(0, Math.max(length, 0))).startsWith(wanted);
  };
  while (Bun.nanoseconds() < until) {
    if (askOnce()) return true;
    if (!alive()) return false;
    Bun.sleepSync(pauseMs);
  }
  return false;
};
