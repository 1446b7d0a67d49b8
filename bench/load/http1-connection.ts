import { connectTcp, type Inbox, Outbox, pin } from "../net/tcp.ts";
import { Http1Answer } from "../wire/http1-answer.ts";
import { createStamp, encodeHttp1Request, type RequestShape } from "../wire/http1-request.ts";
import type { Connection, OnAnswer, OpenConnection } from "./connection.ts";

/** Opens keep-alive connections that send the same preallocated request, one at a time each. */
export const createHttp1Opener = (
  shape: RequestShape,
  port: number,
  keys: number,
  inbox: Inbox,
  first = 0,
): OpenConnection => {
  const request = pin(encodeHttp1Request(shape));
  const size = request.bytes.length;
  const stamp = createStamp(request.bytes, keys, first);
  return (onAnswer: OnAnswer): Connection => {
    const fd = connectTcp(shape.host.split(":")[0] as string, port);
    if (fd < 0) throw new Error(`Connecting to "${shape.host}" failed: nobody listens there`);
    const outbox = new Outbox(fd);
    const answer = new Http1Answer();
    let inflight = 0;
    let dueAt = 0;
    return {
      fd,
      capacity: 1,
      get inflight() {
        return inflight;
      },
      get waiting() {
        return outbox.waiting;
      },
      start(due) {
        inflight = 1;
        dueAt = due;
        stamp();
        outbox.send(request, 0, size);
      },
      receive() {
        const length = inbox.receive(fd);
        if (length < 0) return true;
        if (length === 0) {
          if (inflight === 1) onAnswer(dueAt, false, 0);
          return false;
        }
        if (inflight === 0)
          throw new Error(`Reading from "${shape.host}" failed: ${length} bytes that no request asked for`);
        if (answer.read(inbox.bytes, length)) {
          inflight = 0;
          onAnswer(dueAt, answer.status >= 200 && answer.status < 300, answer.status);
        }
        return true;
      },
      flush: () => outbox.flush(),
    };
  };
};
