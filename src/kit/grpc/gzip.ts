import { WireFault } from "./wire-fault.ts";

const resourceExhausted = 8;

/** Compresses `bytes` with gzip. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  return readAll(bytes, new CompressionStream("gzip"), Number.POSITIVE_INFINITY);
}

/** Decompresses `bytes`; stops with a WireFault as soon as there are more than `max`. Throws on broken data. */
export async function gunzip(bytes: Uint8Array, max: number): Promise<Uint8Array> {
  return readAll(bytes, new DecompressionStream("gzip"), max);
}

async function readAll(
  bytes: Uint8Array,
  through: CompressionStream | DecompressionStream,
  max: number,
): Promise<Uint8Array> {
  const writer = through.writable.getWriter();
  // Failures surface on the readable side.
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => {});
  writer.close().catch(() => {});
  const reader = through.readable.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const step = await reader.read();
    if (step.done) break;
    size += step.value.length;
    if (size > max) {
      reader.cancel().catch(() => {});
      throw new WireFault(resourceExhausted, `grpc: received message after decompression larger than max ${max}`);
    }
    parts.push(step.value);
  }
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
