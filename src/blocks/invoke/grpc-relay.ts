import { ConnectError } from "@connectrpc/connect";
import type { RawCall } from "../../api/grpc/raw.ts";
import { firstValue, type MetadataList, withoutPseudo } from "../../kit/grpc/metadata.ts";
import type { RawAnswer, RawTarget } from "./grpc-proxy.ts";

/** What a target tells of a call. Exactly one of `onDone` and `onError` is called, once. */
export interface RawReceiver {
  onHeader(header: MetadataList): void;
  onFrame(frame: Uint8Array): void;
  /** The status is in `trailer`. An answer of trailers alone has an empty header. */
  onDone(header: MetadataList, trailer: MetadataList): void;
  onError(error: Error): void;
}

/** A call under way at a target. */
export interface RawOpen {
  readonly isOver: boolean;
  /** False: wait for `drained`. */
  write(frame: Uint8Array): boolean;
  drained(): Promise<void>;
  end(): void;
  cancel(error: ConnectError): void;
  pause(): void;
  resume(): void;
}

/** Brings a call to a target and its answer back. Resolves with the trailers, which are sent; rejects when there is no whole answer. */
export function relay(call: RawCall, path: string, target: RawTarget, headers: MetadataList): Promise<MetadataList> {
  const { frames } = call;
  const timeoutMs = call.timeoutMs();
  if (target.open === undefined || frames.forward === undefined) {
    return relayAnswer(call, target.raw(path, frames, { headers, timeoutMs, signal: call.signal }));
  }
  const open = target.open.bind(target);
  return new Promise((resolve, reject) => {
    let isWaiting = false;
    const hop = open(
      path,
      { headers, timeoutMs },
      {
        onHeader: (header) => call.respond(withoutPseudo(header)),
        onFrame(frame) {
          const taken = call.write(frame);
          if (taken === undefined || isWaiting) return;
          isWaiting = true;
          hop.pause();
          void taken.then(() => {
            isWaiting = false;
            hop.resume();
          });
        },
        onDone(header, trailer) {
          respondWith(call, header);
          call.end(trailer);
          resolve(trailer);
        },
        onError: reject,
      },
    );
    frames.forward?.({
      frame(frame) {
        if (hop.isOver || hop.write(frame)) return true;
        void hop.drained().then(() => frames.resume?.());
        return false;
      },
      end: () => hop.end(),
      broken: (error) => hop.cancel(ConnectError.from(error)),
    });
  });
}

/** Brings an answer back. */
export async function relayAnswer(call: RawCall, answer: RawAnswer): Promise<MetadataList> {
  respondWith(call, await answer.header);
  for await (const frame of answer.frames) {
    const taken = call.write(frame);
    if (taken !== undefined) await taken;
  }
  const trailer = await answer.trailer;
  call.end(trailer);
  return trailer;
}

/** The header of an answer; one of trailers alone has none. */
function respondWith(call: RawCall, header: MetadataList): void {
  const received = withoutPseudo(header);
  if (firstValue(header, ":status") !== undefined || Object.keys(received).length > 0) call.respond(received);
}
