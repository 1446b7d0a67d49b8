/** The side that fills a reply stream. */
export interface ReplySource {
  pause(): void;
  resume(): void;
  /** The reader has left before the end. */
  abandoned(): void;
}

const highWater = 65_536;

/** A body on its way from a connection to one reader, with back-pressure by bytes. */
export class ReplyStream {
  readonly readable: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly #source: ReplySource;
  #isPaused = false;
  #isOver = false;

  constructor(source: ReplySource) {
    this.#source = source;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          if (!this.#isPaused || this.#isOver) return;
          this.#isPaused = false;
          this.#source.resume();
        },
        cancel: () => {
          if (this.#isOver) return;
          this.#isOver = true;
          this.#source.abandoned();
        },
      },
      { highWaterMark: highWater, size: (chunk) => chunk?.length ?? 0 },
    );
  }

  push(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.#controller.enqueue(chunk);
    if (!this.#isPaused && (this.#controller.desiredSize ?? 0) <= 0) {
      this.#isPaused = true;
      this.#source.pause();
    }
  }

  /** Ends the stream; with an error it breaks. */
  close(error?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error === undefined) this.#controller.close();
    else this.#controller.error(error);
  }
}
