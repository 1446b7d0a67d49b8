import { ChunkDecoder } from "./http1-chunks.ts";
import { chunked } from "./http1-head.ts";

/** What a body tells its connection. */
export interface BodyFlow {
  /** Somebody wants the body, and there is room for more of it. */
  wanted(): void;
  /** Enough is waiting: nothing more may be read. */
  full(): void;
}

const roomBytes = 65_536;
const nothing = new Uint8Array(0);

/** The body of one request on its way from the connection to whoever asks for it. */
export class IncomingBody {
  readonly #flow: BodyFlow;
  readonly #chunks: ChunkDecoder | undefined;
  #left: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isDone = false;
  #isDiscarded = false;
  #failure: Error | undefined;
  #whole: PromiseWithResolvers<Uint8Array> | undefined;
  #pull: (() => void) | undefined;
  #stream: ReadableStream<Uint8Array> | undefined;

  /** `length` in bytes, or `chunked`. */
  constructor(flow: BodyFlow, length: number, maxTrailerBytes: number) {
    this.#flow = flow;
    this.#left = Math.max(0, length);
    if (length === chunked) this.#chunks = new ChunkDecoder(maxTrailerBytes);
    else if (length === 0) this.#isDone = true;
  }

  /** All of it came in. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Bytes that are still to come; 0 where nobody knows. */
  get left(): number {
    return this.#left;
  }

  /** Takes bytes from the connection; the answer is how many of them belong to the body. Throws Refusal. */
  feed(chunk: Uint8Array): number {
    let used: number;
    if (this.#chunks === undefined) {
      used = Math.min(chunk.length, this.#left);
      this.#left -= used;
      this.#push(used === chunk.length ? chunk : chunk.subarray(0, used));
      if (this.#left === 0) this.#end();
    } else {
      try {
        used = this.#chunks.push(chunk, (data) => this.#push(data));
      } catch (error) {
        this.fail(error as Error);
        throw error;
      }
      if (this.#chunks.isDone) this.#end();
    }
    return used;
  }

  /** The client broke off, or sent what is no body. */
  fail(error: Error): void {
    if (this.#isDone || this.#failure !== undefined) return;
    this.#failure = error;
    this.#pull?.();
    this.#whole?.reject(error);
  }

  /** Nobody will read what is still to come. */
  discard(): void {
    this.#isDiscarded = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#flow.wanted();
  }

  whole(): Uint8Array | Promise<Uint8Array> {
    if (this.#stream !== undefined || this.#whole !== undefined)
      return Promise.reject(new TypeError("the body was asked for before"));
    if (this.#isDone) return this.#take();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#whole = Promise.withResolvers();
    this.#flow.wanted();
    return this.#whole.promise;
  }

  stream(): ReadableStream<Uint8Array> {
    if (this.#whole !== undefined) throw new TypeError("the body was asked for before");
    this.#stream ??= new ReadableStream<Uint8Array>(
      {
        pull: (controller) => new Promise<void>((resolve) => this.#serve(controller, resolve)),
        cancel: () => {
          this.#pull = undefined;
          this.discard();
        },
      },
      { highWaterMark: 0 },
    );
    return this.#stream;
  }

  /** Answers one pull of the stream, now or with the next bytes. */
  #serve(controller: ReadableStreamDefaultController<Uint8Array>, served: () => void): void {
    this.#pull = () => {
      if (this.#waiting.length > 0) controller.enqueue(this.#next());
      else if (this.#failure !== undefined) controller.error(this.#failure);
      else if (this.#isDone) controller.close();
      else return;
      this.#pull = undefined;
      served();
    };
    this.#pull();
    if (this.#pull !== undefined) this.#flow.wanted();
  }

  #push(data: Uint8Array): void {
    if (this.#isDiscarded || data.length === 0) return;
    this.#waiting.push(data);
    this.#waitingBytes += data.length;
    this.#pull?.();
    if (this.#whole === undefined && this.#waitingBytes >= roomBytes) this.#flow.full();
  }

  #end(): void {
    this.#isDone = true;
    this.#pull?.();
    this.#whole?.resolve(this.#take());
  }

  #next(): Uint8Array {
    const next = this.#waiting.shift() as Uint8Array;
    this.#waitingBytes -= next.length;
    return next;
  }

  #take(): Uint8Array {
    const parts = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (parts.length < 2) return parts[0] ?? nothing;
    return Buffer.concat(parts);
  }
}
