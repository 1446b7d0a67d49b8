import { framePrefix } from "./frames.ts";
import { gunzip } from "./gzip.ts";
import { WireFault } from "./wire-fault.ts";

const unimplemented = 12;
const internal = 13;

/** The message in a frame, at once when it is not compressed. `encoding` is the sender's `grpc-encoding`. Throws or rejects with a WireFault. */
export function readPayload(
  frame: Uint8Array,
  encoding: string | undefined,
  max: number,
): Uint8Array | Promise<Uint8Array> {
  const flag = frame[0];
  if (flag === 0) return frame.subarray(framePrefix);
  if (flag !== 1) throw new WireFault(internal, `grpc: received unexpected payload format ${flag}`);
  if (encoding === undefined || encoding === "identity") {
    throw new WireFault(internal, "grpc: compressed flag set with identity or empty encoding");
  }
  if (encoding !== "gzip") throw unknownEncoding(encoding);
  return gunzip(frame.subarray(framePrefix), max).catch((error: unknown) => {
    if (error instanceof WireFault) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new WireFault(internal, `grpc: failed to decompress the received message: ${reason}`);
  });
}

/** What answers a `grpc-encoding` that nobody here reads. */
export function unknownEncoding(encoding: string): WireFault {
  return new WireFault(unimplemented, `grpc: Decompressor is not installed for grpc-encoding "${encoding}"`);
}
