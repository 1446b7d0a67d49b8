import type {
  ClientStream,
  ClientStreamHandlers,
  HeaderList,
  Http2Client,
  ServerStream,
  StreamHandler,
} from "../../src/platform/types.ts";

/** How much one side may be ahead of a paused reader before `write` answers false. */
const highWater = 65_536;

/** One direction of a stream: chunks wait while the reader is paused. */
class Lane {
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;
  #isPaused = false;
  #isRunning = false;
  #isFull = false;
  onDrain: (() => void) | undefined;

  pause(): void {
    this.#isPaused = true;
  }
  resume(): void {
    this.#isPaused = false;
    this.#run();
  }
  /** Delivers later, in order; false when too much waits. */
  put(bytes: number, deliver: () => void): boolean {
    this.#bytes += bytes;
    this.#waiting.push(() => {
      this.#bytes -= bytes;
      deliver();
    });
    this.#run();
    if (this.#bytes > highWater) this.#isFull = true;
    return !this.#isFull;
  }
  clear(): void {
    this.#waiting.length = 0;
    this.#bytes = 0;
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    queueMicrotask(() => {
      this.#isRunning = false;
      if (!this.#isPaused) this.#waiting.shift()?.();
      if (this.#isFull && this.#bytes <= highWater / 2) {
        this.#isFull = false;
        this.onDrain?.();
      }
      if (this.#waiting.length > 0 && !this.#isPaused) this.#run();
    });
  }
}

/** An HTTP/2 client and a server's handler joined in memory: every step arrives on a later microtask, in order. */
export function createStreamPair(handle: StreamHandler): Http2Client & { readonly resets: number[] } {
  let openStreams = 0;
  let isClosed = false;
  const resets: number[] = [];

  const open = (headers: HeaderList, client: ClientStreamHandlers): ClientStream => {
    const up = new Lane();
    const down = new Lane();
    let isOver = false;
    let held: HeaderList | undefined;
    openStreams++;
    const over = () => {
      if (isOver) return false;
      isOver = true;
      openStreams--;
      return true;
    };
    const flushHeaders = () => {
      if (held === undefined) return;
      const sent = held;
      held = undefined;
      down.put(0, () => isOver || client.onHeaders(sent));
    };
    const server: ServerStream = {
      path: String(headers[":path"]),
      method: String(headers[":method"]),
      headers: { ...headers },
      remoteAddress: "127.0.0.1",
      onData: null,
      onEnd: null,
      onReset: null,
      onDrain: null,
      pause: () => up.pause(),
      resume: () => up.resume(),
      respond(list) {
        held = list;
        queueMicrotask(flushHeaders);
      },
      write(chunk) {
        flushHeaders();
        return down.put(chunk.length, () => isOver || client.onData(chunk));
      },
      end(trailers) {
        flushHeaders();
        down.put(0, () => over() && client.onEnd(trailers ?? {}));
      },
      reset(code) {
        const error = Object.assign(new Error("the server reset the stream"), { http2Code: code, sent: true });
        down.put(0, () => over() && client.onError(error));
      },
    };
    down.onDrain = () => isOver || server.onDrain?.();
    up.onDrain = () => isOver || client.onDrain?.();
    up.put(0, () => handle(server));
    return {
      write: (chunk) => up.put(chunk.length, () => isOver || server.onData?.(chunk)),
      end(chunk) {
        if (chunk !== undefined) up.put(chunk.length, () => isOver || server.onData?.(chunk));
        up.put(0, () => isOver || server.onEnd?.({}));
      },
      reset(code) {
        if (!over()) return;
        resets.push(code);
        up.clear();
        up.resume();
        up.put(0, () => server.onReset?.(code));
      },
      pause: () => down.pause(),
      resume: () => down.resume(),
    };
  };

  return {
    resets,
    get openStreams() {
      return openStreams;
    },
    connected: true,
    request(headers, handlers) {
      if (!isClosed) return open(headers, handlers);
      queueMicrotask(() => handlers.onError(Object.assign(new Error("the client is closed"), { sent: false })));
      return { write: () => true, end() {}, reset() {}, pause() {}, resume() {} };
    },
    async close() {
      isClosed = true;
    },
  };
}
