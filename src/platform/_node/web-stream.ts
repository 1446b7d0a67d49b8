import type { Readable } from "node:stream";

/** A readable of the runtime as a web stream, with back-pressure. Cancelling it destroys the source. */
export function toWebStream(source: Readable): ReadableStream<Uint8Array> {
  let open = true;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      source.on("data", (chunk: Buffer) => {
        if (!open) return;
        controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
        if ((controller.desiredSize ?? 0) <= 0) source.pause();
      });
      const finish = (error?: Error) => {
        if (!open) return;
        open = false;
        if (error === undefined) controller.close();
        else controller.error(error);
      };
      source.on("end", () => finish());
      source.on("error", finish);
      source.on("close", () => finish(source.readableEnded ? undefined : new Error("the stream was cut")));
      source.pause();
    },
    pull: () => void source.resume(),
    cancel() {
      open = false;
      source.destroy();
    },
  });
}
