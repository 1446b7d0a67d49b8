import type { ClientStream, ClientStreamHandlers } from "../types.ts";

/** Why a stream ended, as `ClientStreamHandlers.onError` tells it. */
export function streamError(reason: string, sent: boolean, http2Code?: number, cause?: unknown) {
  return Object.assign(new Error(`HTTP/2 request failed: ${reason}`, { cause }), { sent, http2Code });
}

/** A request to a client that is closed. It is told later, as if it had come over the wire. */
export function refuseStream(handlers: ClientStreamHandlers): ClientStream {
  let wanted = true;
  queueMicrotask(() => {
    if (wanted) handlers.onError(streamError("the client is closed", false) as never);
  });
  return {
    write: () => true,
    end() {},
    reset() {
      wanted = false;
    },
    pause() {},
    resume() {},
  };
}
