import type { Trace } from "../../kit/call.ts";
import type { Invocation } from "../../kit/invocation.ts";
import { chunkBytes, encodeChunkStart, encodeRequestFrame } from "../../kit/peer-wire/encode.ts";
import type { OpenCall } from "../grpc/open-call.ts";

/**
 * Sends a request: a small body in the first message, a large or streamed one in messages of at most `chunkBytes`. A stream that
 * fails is told to `failed`. The answer stops a stream that nobody wants any more.
 */
export function sendRequest(
  rpc: OpenCall,
  request: Invocation,
  trace: Trace,
  callee: string,
  failed: (error: unknown) => void,
): () => void {
  const body = request.upgrade?.sends() ?? request.body;
  if (!(body instanceof ReadableStream)) {
    const frame = encodeRequestFrame(request, trace, callee, body?.subarray(0, chunkBytes));
    if (body === null || body.length <= chunkBytes) rpc.end(frame);
    else void sendWhole(rpc, frame, body);
    return () => {};
  }
  const reader = body.getReader();
  let isStopped = false;
  const pump = async () => {
    rpc.write(encodeRequestFrame(request, trace, callee, undefined));
    for (let seq = 0; ; ) {
      const { done, value } = await reader.read();
      if (isStopped) return;
      if (done) return rpc.end();
      for (const piece of piecesOf(value, 0))
        if (!rpc.write(encodeChunkStart(piece, seq++), piece)) await rpc.drained();
    }
  };
  pump().catch((error: unknown) => {
    if (!isStopped) failed(error);
  });
  return () => {
    isStopped = true;
    reader.cancel().catch(() => {});
  };
}

async function sendWhole(rpc: OpenCall, first: Uint8Array, body: Uint8Array): Promise<void> {
  if (!rpc.write(first)) await rpc.drained();
  let seq = 1;
  for (const piece of piecesOf(body, chunkBytes)) {
    if (rpc.isOver) return;
    if (!rpc.write(encodeChunkStart(piece, seq++), piece)) await rpc.drained();
  }
  rpc.end();
}

function* piecesOf(body: Uint8Array, from: number): Generator<Uint8Array> {
  for (let at = from; at < body.length; at += chunkBytes) yield body.subarray(at, at + chunkBytes);
}
