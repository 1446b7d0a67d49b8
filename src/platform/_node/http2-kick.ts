import type { Http2Session } from "node:http2";

/**
 * portable: in Bun (oven-sh/bun#43422, up to 1.4.5) DATA that waits for one stream's flow control holds back DATA that other streams
 * of the session write later, until the peer sends any frame. The answer is called after each write: on the next macrotask it
 * looks whether something is stuck and lets `poke` provoke one frame, never two at a time. On other runtimes it does nothing.
 */
export function createKick(session: Http2Session, poke: (answered: () => void) => void): () => void {
  if (!("Bun" in globalThis)) return () => {};
  let scheduled = false;
  let outstanding = false;
  const look = () => {
    scheduled = false;
    if (outstanding || session.destroyed || !(Number(session.state.outboundQueueSize) > 0)) return;
    outstanding = true;
    try {
      poke(() => {
        outstanding = false;
      });
    } catch {
      // The session ended between the look and the poke: nothing is stuck any more.
      outstanding = false;
    }
  };
  return () => {
    if (scheduled || outstanding) return;
    scheduled = true;
    setImmediate(look);
  };
}
