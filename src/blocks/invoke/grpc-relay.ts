import { ConnectError } from "@connectrpc/connect";
import type { RawCall, RequestFrames } from "../../api/grpc/raw.ts";
import type { FrameSink } from "../../kit/grpc/frame-queue.ts";
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
  const answer = new AnswerRelay(call);
  const hop = target.open(path, { headers, timeoutMs }, answer);
  answer.hop = hop;
  frames.forward(new RequestRelay(frames, hop));
  return answer.done;
}

/** What the target says goes to the caller. A class, not closures: each proxied call has one. */
class AnswerRelay implements RawReceiver {
  readonly done: Promise<MetadataList>;
  /** Set before the target says anything. */
  hop: RawOpen | undefined;
  readonly #call: RawCall;
  #resolve!: (trailer: MetadataList) => void;
  #reject!: (error: Error) => void;
  #isBegun = false;
  #isWaiting = false;

  constructor(call: RawCall) {
    this.#call = call;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  onHeader(header: MetadataList): void {
    this.#isBegun = true;
    this.#call.respond(header);
  }
  readonly onFrame = (frame: Uint8Array): void => {
    const taken = this.#call.write(frame);
    if (taken === undefined || this.#isWaiting) return;
    this.#isWaiting = true;
    this.hop?.pause();
    void taken.then(() => {
      this.#isWaiting = false;
      this.hop?.resume();
    });
  };
  onDone(header: MetadataList, trailer: MetadataList): void {
    if (!this.#isBegun) respondWith(this.#call, header);
    this.#call.end(trailer);
    this.#resolve(trailer);
  }
  onError(error: Error): void {
    this.#reject(error);
  }
}

/** What the caller sends goes to the target. */
class RequestRelay implements FrameSink {
  readonly #frames: RequestFrames;
  readonly #hop: RawOpen;

  constructor(frames: RequestFrames, hop: RawOpen) {
    this.#frames = frames;
    this.#hop = hop;
  }

  frame(frame: Uint8Array): boolean {
    if (this.#hop.isOver || this.#hop.write(frame)) return true;
    void this.#hop.drained().then(() => this.#frames.resume?.());
    return false;
  }
  end(): void {
    this.#hop.end();
  }
  broken(error: unknown): void {
    this.#hop.cancel(ConnectError.from(error));
  }
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
