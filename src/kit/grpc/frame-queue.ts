/** What a queue tells the side that fills it. */
export interface QueueFlow {
  /** Too much is waiting: stop the source. */
  pause(): void;
  resume(): void;
  /** The reader has left before the end. */
  abandoned?(): void;
}

/** Who takes frames as they come. */
export interface FrameSink {
  /** False: no more until `resume` of the queue. What comes nevertheless waits there. */
  frame(frame: Uint8Array): boolean;
  /** All were handed over. */
  end(): void;
  /** There will be no more, or what is done with them is of no use. Also after `end`, at most once. */
  broken(error: unknown): void;
}

const highWater = 65_536;
const lowWater = 16_384;

interface Waiter {
  resolve(step: IteratorResult<Uint8Array, undefined>): void;
  reject(error: unknown): void;
}

/** Frames between a stream's callbacks and one reader, with back-pressure by bytes. */
export class FrameQueue implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  readonly #flow: QueueFlow;
  readonly #frames: Uint8Array[] = [];
  #next = 0;
  #waitingBytes = 0;
  #isPaused = false;
  #isClosed = false;
  #error: unknown;
  #waiters: Waiter[] = [];
  #sink: FrameSink | undefined;
  #isHeld = false;

  constructor(flow: QueueFlow) {
    this.#flow = flow;
  }

  /** Hands over one frame; after `close` it is dropped. */
  push(frame: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#sink !== undefined && !this.#isHeld) {
      if (!this.#sink.frame(frame)) this.#hold();
      return;
    }
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value: frame });
      return;
    }
    this.#frames.push(frame);
    this.#waitingBytes += frame.length;
    if (this.#waitingBytes > highWater && !this.#isPaused) {
      this.#isPaused = true;
      this.#flow.pause();
    }
  }

  /** Ends the sequence. With an error, waiting frames are dropped and the reader gets the error at once. */
  close(error?: unknown): void {
    const sink = this.#sink;
    if (this.#isClosed && (sink === undefined || error === undefined || this.#error !== undefined)) return;
    this.#isClosed = true;
    this.#error = error;
    if (error !== undefined) this.#drop();
    if (sink !== undefined) {
      if (error !== undefined) {
        this.#isHeld = false;
        sink.broken(error);
      } else if (!this.#isHeld) sink.end();
      return;
    }
    for (const waiter of this.#waiters.splice(0)) {
      if (error === undefined) waiter.resolve({ done: true, value: undefined });
      else waiter.reject(error);
    }
  }

  /** Hands all frames, those that wait included, to a sink instead of a reader: without a promise for each. */
  forward(sink: FrameSink): void {
    this.#sink = sink;
    this.#isHeld = true;
    this.resume();
  }

  /** The sink takes frames again. */
  resume(): void {
    const sink = this.#sink;
    if (sink === undefined || !this.#isHeld) return;
    this.#isHeld = false;
    while (this.#next < this.#frames.length) {
      if (sink.frame(this.#take())) continue;
      this.#hold();
      return;
    }
    if (this.#error !== undefined) sink.broken(this.#error);
    else if (this.#isClosed) sink.end();
    else if (this.#isPaused) this.#wake();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#next < this.#frames.length) return { done: false, value: this.#take() };
    if (this.#error !== undefined) throw this.#error;
    if (this.#isClosed) return { done: true, value: undefined };
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#isClosed) {
      this.close();
      this.#flow.abandoned?.();
    }
    this.#drop();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The source stops at once: what it still has under way is all that waits here. */
  #hold(): void {
    this.#isHeld = true;
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#flow.pause();
  }

  #take(): Uint8Array {
    const frame = this.#frames[this.#next++] as Uint8Array;
    this.#waitingBytes -= frame.length;
    if (this.#next === this.#frames.length) {
      this.#frames.length = 0;
      this.#next = 0;
    } else if (this.#next === 1024) {
      this.#frames.splice(0, 1024);
      this.#next = 0;
    }
    if (this.#isPaused && this.#sink === undefined && this.#waitingBytes <= lowWater) this.#wake();
    return frame;
  }

  #drop(): void {
    this.#frames.length = 0;
    this.#next = 0;
    this.#waitingBytes = 0;
    if (this.#isPaused) this.#wake();
  }

  #wake(): void {
    this.#isPaused = false;
    this.#flow.resume();
  }
}
