import type { WireRequest } from "../../platform/types.ts";

/** A request body went over the limit. */
export class BodyTooLarge extends Error {
  constructor() {
    super("stream too large");
    this.name = "BodyTooLarge";
  }
}

const empty = new Uint8Array(0);

/** The whole body of a request, of at most `limit` bytes (0 or less: any size). Throws BodyTooLarge. */
export function readBody(request: Request | WireRequest, limit: number): Uint8Array | Promise<Uint8Array> {
  if (limit > 0 && !declaredLength(request, limit)) return readStream(request, limit);
  return "target" in request ? request.whole() : request.arrayBuffer().then((buffer) => new Uint8Array(buffer));
}

async function readStream(request: Request | WireRequest, limit: number): Promise<Uint8Array> {
  const { body } = request;
  if (body === null) return empty;
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of limitedStream(body, limit)) {
    chunks.push(chunk);
    total += chunk.length;
  }
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const whole = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** The body as it comes, failing with BodyTooLarge after `limit` bytes; null when the request has none. */
export function streamBody(request: Request | WireRequest, limit: number): ReadableStream<Uint8Array> | null {
  const body = request.body;
  if (body === null || limit <= 0 || declaredLength(request, limit)) return body;
  return limitedStream(body, limit);
}

/** True when the length is known beforehand and within the limit; throws when it is beyond. */
function declaredLength(request: Request | WireRequest, limit: number): boolean {
  const text = request.headers.get("content-length");
  if (text === null) return false;
  if (Number(text) > limit) throw new BodyTooLarge();
  return true;
}

function limitedStream(body: ReadableStream<Uint8Array>, limit: number): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let left = limit;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        left -= value.length;
        if (left >= 0) return controller.enqueue(value);
        const error = new BodyTooLarge();
        controller.error(error);
        await reader.cancel(error);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
