import { Code, ConnectError } from "@connectrpc/connect";
import { FrameQueue } from "../../kit/grpc/frame-queue.ts";
import type { HeaderList } from "../../platform/types.ts";
import { type CallOptions, type CallWire, type OpenCall, openCall } from "./open-call.ts";

/** An answer as frames with their prefix. The status is in the trailers; only failures of the transport, the deadline and the signal reject. */
export interface RawAnswer {
  /** Resolves with the response headers; empty when the peer answered with trailers alone. */
  readonly header: Promise<HeaderList>;
  /** With back-pressure towards the peer. Leaving the loop early cancels the call. Read it once. */
  readonly frames: AsyncIterable<Uint8Array>;
  readonly trailer: Promise<HeaderList>;
}

/** Starts a call that sends `frames` while its answer is read. */
export function startRaw(
  wire: CallWire,
  path: string,
  frames: AsyncIterable<Uint8Array>,
  options: CallOptions,
): RawAnswer {
  const header = Promise.withResolvers<HeaderList>();
  const trailer = Promise.withResolvers<HeaderList>();
  // A reader that looks at one of the three must not be killed by the others.
  header.promise.catch(() => {});
  trailer.promise.catch(() => {});
  const queue = new FrameQueue({
    pause: () => call.pause(),
    resume: () => call.resume(),
    abandoned: () => call.cancel(new ConnectError("context canceled", Code.Canceled)),
  });
  const call = openCall(wire, path, options, {
    onHeader: (received) => header.resolve(received),
    onFrame: (frame) => queue.push(frame),
    onDone(first, last) {
      header.resolve(first);
      trailer.resolve(last);
      queue.close();
    },
    onError(error) {
      header.reject(error);
      trailer.reject(error);
      queue.close(error);
    },
  });
  pumpFrames(frames, call);
  return { header: header.promise, frames: queue, trailer: trailer.promise };
}

/** Sends all of a source and half-closes; what the source throws cancels the call. */
export function pumpFrames(frames: AsyncIterable<Uint8Array>, call: OpenCall): void {
  const iterator = frames[Symbol.asyncIterator]();
  const pump = async () => {
    for (;;) {
      const step = await iterator.next();
      if (call.isOver) break;
      if (step.done) {
        call.end();
        return;
      }
      if (!call.write(step.value)) await call.drained();
      if (call.isOver) break;
    }
    await iterator.return?.();
  };
  pump().catch((error: unknown) => call.cancel(ConnectError.from(error)));
}
