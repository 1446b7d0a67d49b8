import type { RequestHead } from "./http1-request.ts";

/** Where the bytes go. */
export interface BodySink {
  /** Text (Latin-1) and bytes in one go. False: wait for `drained`. */
  write(text: string, chunk?: Uint8Array): boolean;
  drained(): Promise<void>;
}

export interface BodySending {
  /** Resolves when all is handed over; rejects with the source's error, or when it does not keep to the declared length. */
  readonly done: Promise<void>;
  /** Nobody wants the rest. `done` then stays open. */
  stop(): void;
}

/** Sends a streamed body behind its head: chunked, with the declared length, or (length infinite) as it comes. */
export function sendBody(
  body: ReadableStream<Uint8Array>,
  head: Pick<RequestHead, "isChunked" | "length">,
  sink: BodySink,
): BodySending {
  const reader = body.getReader();
  let isStopped = false;

  const pump = async (): Promise<void> => {
    let sent = 0;
    let before = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (isStopped) return new Promise(() => {});
      if (done) break;
      if (value.length === 0) continue;
      sent += value.length;
      if (!head.isChunked && sent > head.length) {
        throw new Error(`http: ContentLength=${head.length} with Body length ${sent}`);
      }
      const isTaken = sink.write(head.isChunked ? `${before}${value.length.toString(16)}\r\n` : "", value);
      before = "\r\n";
      if (!isTaken) await sink.drained();
      if (isStopped) return new Promise(() => {});
    }
    if (head.isChunked) sink.write(`${before}0\r\n\r\n`);
    else if (sent < head.length && Number.isFinite(head.length))
      throw new Error(`http: ContentLength=${head.length} with Body length ${sent}`);
  };

  const done = pump();
  done.catch(() => void reader.cancel().catch(() => {}));
  return {
    done,
    stop() {
      if (isStopped) return;
      isStopped = true;
      reader.cancel().catch(() => {});
    },
  };
}
