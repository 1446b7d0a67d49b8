import type { HeaderList, ServerStream, StreamHandler } from "../../platform/types.ts";

/** What a stream said before its handler was there. */
interface Held {
  readonly chunks: Uint8Array[];
  end: HeaderList | undefined;
  reset: number | undefined;
}

function hold(stream: ServerStream): Held {
  const held: Held = { chunks: [], end: undefined, reset: undefined };
  stream.onData = (chunk) => void held.chunks.push(chunk);
  stream.onEnd = (trailers) => {
    held.end = trailers;
  };
  stream.onReset = (code) => {
    held.reset = code;
  };
  stream.pause();
  return held;
}

function handOver(stream: ServerStream, held: Held, handle: StreamHandler): void {
  stream.onData = null;
  stream.onEnd = null;
  stream.onReset = null;
  handle(stream);
  replay(stream, held);
}

function replay(stream: ServerStream, held: Held): void {
  for (const chunk of held.chunks) stream.onData?.(chunk);
  if (held.end !== undefined) stream.onEnd?.(held.end);
  if (held.reset !== undefined) stream.onReset?.(held.reset);
  else stream.resume();
}

/**
 * A stream handler that is made at the first stream: a sidecar that nobody calls over gRPC never loads what gRPC needs. Streams
 * that come in the meantime wait; when loading fails they are answered UNAVAILABLE and the next stream tries again.
 */
export function lazyStreams(load: () => Promise<StreamHandler>): StreamHandler {
  let loaded: StreamHandler | undefined;
  let loading: Promise<StreamHandler> | undefined;
  return (stream) => {
    if (loaded !== undefined) return loaded(stream);
    const held = hold(stream);
    loading ??= load();
    loading.then(
      (handle) => {
        loaded = handle;
        handOver(stream, held, handle);
      },
      (error: unknown) => {
        loading = undefined;
        const reason = error instanceof Error ? error.message : String(error);
        stream.respond({
          ":status": "200",
          "content-type": "application/grpc",
          "grpc-status": "14",
          "grpc-message": encodeURIComponent(`loading the gRPC API failed: ${reason}`),
        });
        stream.end();
      },
    );
  };
}
