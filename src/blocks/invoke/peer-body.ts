import { Code, ConnectError } from "@connectrpc/connect";
import type { MessageBody } from "../../kit/http-message.ts";
import type { ChunkReader } from "../../kit/peer-wire/chunk-reader.ts";
import type { WireChunk, WireRequest } from "../../kit/peer-wire/decode.ts";

const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "DELETE"]);

/** Reads the messages of a request; one that has to be unpacked comes later. */
export type RequestReader = ChunkReader<WireChunk<WireRequest> | Promise<WireChunk<WireRequest>>>;

/** What an upgraded connection sends: all messages behind the first. */
export function upgradedBody(frames: AsyncIterator<Uint8Array>, chunks: RequestReader): ReadableStream<Uint8Array> {
  return restOf(undefined, 0, frames, chunks, undefined);
}

/**
 * The body of a streamed request. It is handed over whole when the first message has all of it, by the length that the request
 * declares; else as a stream that pulls.
 */
export function chunkedBody(
  first: WireChunk<WireRequest>,
  head: WireRequest,
  frames: AsyncIterator<Uint8Array>,
  chunks: RequestReader,
): MessageBody | Promise<MessageBody> {
  const data = first.data ?? head.data;
  if (first.data !== undefined) checkSeq(first.seq, 0);
  const declared = declaredLength(head);
  if (declared !== undefined && declared === (data?.length ?? 0)) return data ?? null;
  const seq = first.data === undefined ? 0 : 1;
  if (data !== undefined || !bodiless.has(head.verb ?? "")) return restOf(data, seq, frames, chunks, undefined);
  // Such requests seldom have a body, and the end tells.
  return frames
    .next()
    .then((step) => (step.done ? null : restOf(undefined, seq, frames, chunks, Promise.resolve(step))));
}

function restOf(
  data: Uint8Array | undefined,
  from: number,
  frames: AsyncIterator<Uint8Array>,
  chunks: RequestReader,
  ahead: Promise<IteratorResult<Uint8Array>> | undefined,
): ReadableStream<Uint8Array> {
  let seq = from;
  let next = ahead;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (data !== undefined) controller.enqueue(data);
      },
      async pull(controller) {
        for (;;) {
          const step = await (next ?? frames.next());
          next = undefined;
          if (step.done) return controller.close();
          const taken = chunks.take(step.value);
          const chunk = taken instanceof Promise ? await taken : taken;
          if (chunk === undefined) continue;
          if (chunk.head !== undefined && (chunk.head.metadata.length > 0 || chunk.head.method !== "")) {
            throw new ConnectError("request metadata found in non-leading chunk", Code.Internal);
          }
          if (chunk.data === undefined) continue;
          if (chunk.seq !== undefined) checkSeq(chunk.seq, seq++);
          if (chunk.data.length > 0) return controller.enqueue(chunk.data);
        }
      },
      async cancel() {
        await frames.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

function checkSeq(seq: number | undefined, expected: number): void {
  if (seq === expected) return;
  throw new ConnectError(`invalid sequence number received: ${seq} (expected: ${expected})`, Code.Internal);
}

function declaredLength(head: WireRequest): number | undefined {
  for (const [name, value] of head.metadata) {
    if (name.length === 14 && name.toLowerCase() === "content-length" && /^\d{1,15}$/.test(value)) return Number(value);
  }
  return undefined;
}
