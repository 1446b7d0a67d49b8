import type { HttpReply } from "../../kit/http-message.ts";

/** The reply without the gzip coding that we asked for ourselves; any other reply as it is. */
export function unpackGzip(reply: HttpReply): HttpReply {
  if (reply.body === null || !reply.headers.some(isGzip)) return reply;
  const headers = reply.headers.filter((line) => !isGzip(line) && line[0] !== "content-length");
  const source = reply.body instanceof Uint8Array ? oneChunk(reply.body) : reply.body;
  const unpacked = source.pipeThrough(
    new DecompressionStream("gzip") as unknown as ReadableWritablePair<Uint8Array, Uint8Array>,
  );
  return { status: reply.status, headers, body: unpacked };
}

function isGzip([name, value]: readonly [string, string]): boolean {
  return name === "content-encoding" && value.toLowerCase() === "gzip";
}

function oneChunk(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}
