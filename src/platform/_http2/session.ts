import type { HeaderList } from "../types.ts";
import { defaultWindow, errorCode, Http2Fault, largestWindow, ourMaxFrame, preface, setting } from "./frame.ts";
import { type FrameHandlers, FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { HeaderBlock } from "./header-collector.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import type { HuffmanTable } from "./huffman.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { SendQueue } from "./send-queue.ts";
import { Http2Stream, type StreamEvents, type StreamHost, streamWindow } from "./stream.ts";

const mostStreams = 100_000;
const mostWaiting = 1024 * 1024;
const rememberedResets = 1_000;
const defaultHeaderLimit = 65_536;
const lastUsableId = 0x3fff_ffff;

/** The bytes' side of a connection. */
export interface Transport {
  /** Answers how many bytes were taken. */
  write(bytes: Uint8Array): number;
  /** Closes; what was written leaves first. */
  end(): void;
}

export interface SessionOptions {
  readonly role: "client" | "server";
  readonly huffman: HuffmanTable;
  readonly transport: Transport;
  readonly headerLimit?: number | undefined;
  /** A client's: the pseudo headers of requests that do not have them. */
  readonly defaults?: HeaderList;
  /** A server's: a request came. Its `events` are to be set before this returns. */
  onStream?(stream: Http2Stream, list: HeaderList): void;
  /** The peer takes no more streams. */
  onGoaway?(): void;
  /** The peer reset a stream. False: it does that too often. */
  mayReset?(): boolean;
}

/** The protocol of one connection, RFC 9113, over bytes that others carry. A peer that breaks it loses the connection. */
export class Http2Session implements StreamHost {
  readonly writer: FrameWriter;
  readonly streams = new Map<number, Http2Stream>();
  /** The last stream of ours the peer said it would process, once it said so. */
  lastProcessed: number | undefined;
  /** Why the connection ended. */
  failure: Error | undefined;
  isClosed = false;
  /** Takes no new streams. */
  isDraining = false;
  readonly #options: SessionOptions;
  readonly #reader: FrameReader;
  readonly #encoder = new HpackEncoder();
  readonly #sending: SendQueue;
  readonly #receiving: ReceiveWindow;
  #preface = 0;
  #lastPeerId = 0;
  #nextId = 1;
  #streamSendWindow = defaultWindow;
  #peerMostStreams = Number.POSITIVE_INFINITY;
  readonly #unopened: { readonly stream: Http2Stream; readonly list: HeaderList }[] = [];
  readonly #resets = new Set<number>();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.writer = new FrameWriter((bytes) => options.transport.write(bytes), this.#encoder);
    this.#sending = new SendQueue(this.writer);
    const limit = options.headerLimit ?? defaultHeaderLimit;
    this.#reader = new FrameReader(new HpackDecoder(options.huffman), limit, this.#handlers());
    if (options.role === "client") this.writer.text(preface);
    this.writer.settings([
      options.role === "client" ? [setting.enablePush, 0] : [setting.maxConcurrentStreams, mostStreams],
      [setting.initialWindowSize, streamWindow],
      [setting.maxFrameSize, ourMaxFrame],
      ...(options.headerLimit === undefined ? [] : [[setting.maxHeaderListSize, limit] as const]),
    ]);
    this.#receiving = new ReceiveWindow((bytes) => {
      if (!this.isClosed) this.writer.windowUpdate(0, bytes);
    });
  }

  get openStreams(): number {
    return this.streams.size + this.#unopened.length;
  }

  /** A client's new stream. It waits while the peer has as many as it wants. Throws for headers that HTTP/2 forbids. */
  open(list: HeaderList, events: StreamEvents): Http2Stream {
    const stream = new Http2Stream(this, this.#streamSendWindow);
    stream.events = events;
    if (this.streams.size >= this.#peerMostStreams) this.#unopened.push({ stream, list });
    else this.#start(stream, list);
    return stream;
  }

  /** Bytes of the peer. */
  receive(chunk: Buffer): void {
    if (this.isClosed) return;
    try {
      const rest = this.#options.role === "server" ? this.#skipPreface(chunk) : chunk;
      if (rest !== undefined) this.#reader.read(rest);
      if (this.writer.isBlocked && this.writer.waitingBytes > mostWaiting)
        throw new Http2Fault(errorCode.enhanceYourCalm, "the peer asks and does not read");
    } catch (error) {
      if (!(error instanceof Http2Fault)) throw error;
      this.fail(error.code, error);
    }
  }

  /** The transport takes bytes again. */
  drained(): void {
    if (this.isClosed) return;
    if (this.writer.drained()) this.#sending.pump();
    if (this.isDraining) this.#endWhenIdle();
  }

  /** Asks the peer to go; open streams go on, and the connection ends with the last. */
  shutdown(): void {
    if (this.isClosed || this.isDraining) return;
    this.isDraining = true;
    this.writer.goaway(this.#lastPeerId, errorCode.noError);
    this.#endWhenIdle();
  }

  /** Ends the connection at once, for a reason that the peer is told. */
  fail(code: number, cause?: Error): void {
    if (this.isClosed) return;
    this.writer.goaway(this.#lastPeerId, code);
    this.#close(cause);
  }

  /** The connection is gone. */
  lost(cause?: Error): void {
    if (!this.isClosed) this.#close(cause);
  }

  wantsToSend(stream: Http2Stream): void {
    if (stream.id !== 0 && !this.isClosed) this.#sending.add(stream);
  }

  held(bytes: number): void {
    this.#receiving.hold(bytes);
  }

  ended(stream: Http2Stream): void {
    if (stream.id === 0) {
      const at = this.#unopened.findIndex((one) => one.stream === stream);
      if (at >= 0) this.#unopened.splice(at, 1);
    } else if (this.streams.delete(stream.id) && !stream.remoteEnded) this.#rememberReset(stream.id);
    while (this.#unopened.length > 0 && this.streams.size < this.#peerMostStreams && !this.isClosed) {
      const next = this.#unopened.shift() as { stream: Http2Stream; list: HeaderList };
      try {
        this.#start(next.stream, next.list);
      } catch (error) {
        next.stream.lose(errorCode.internal, error as Error);
      }
    }
    if (this.isDraining) this.#endWhenIdle();
  }

  #start(stream: Http2Stream, list: HeaderList): void {
    const id = this.#nextId;
    this.writer.headers(id, list, false, this.#options.defaults);
    this.#nextId = id + 2;
    if (this.#nextId > lastUsableId) this.#leaveForOthers();
    stream.id = id;
    this.streams.set(id, stream);
    stream.opened();
  }

  #leaveForOthers(): void {
    this.isDraining = true;
    this.#options.onGoaway?.();
  }

  #endWhenIdle(): void {
    if (this.openStreams > 0 || this.isClosed) return;
    this.writer.flush();
    // What the peer has not taken yet leaves first; `drained` comes back here.
    if (!this.writer.isBlocked) this.#close(undefined);
  }

  #close(cause: Error | undefined): void {
    this.isClosed = true;
    this.#sending.close();
    this.failure ??= cause;
    this.writer.flush();
    this.#options.transport.end();
    this.writer.close();
    for (const { stream } of this.#unopened.splice(0)) stream.lose(errorCode.cancel, this.failure);
    for (const stream of [...this.streams.values()]) stream.lose(errorCode.cancel, this.failure);
    this.streams.clear();
  }

  #skipPreface(chunk: Buffer): Buffer | undefined {
    if (this.#preface === preface.length) return chunk;
    const size = Math.min(preface.length - this.#preface, chunk.length);
    if (chunk.toString("latin1", 0, size) !== preface.slice(this.#preface, this.#preface + size))
      throw new Http2Fault(errorCode.protocol, "the peer does not speak HTTP/2");
    this.#preface += size;
    return size < chunk.length ? chunk.subarray(size) : undefined;
  }

  #rememberReset(id: number): void {
    this.#resets.add(id);
    if (this.#resets.size <= rememberedResets) return;
    for (const oldest of this.#resets) {
      this.#resets.delete(oldest);
      break;
    }
  }

  /** A fault of one stream. */
  #breakStream(stream: Http2Stream, code: number, message: string): void {
    this.writer.reset(stream.id, code);
    stream.lose(code, new Error(message));
  }

  /** The stream of a frame; undefined when the frame is to be passed over. */
  #streamOf(id: number, frame: string): Http2Stream | undefined {
    const stream = this.streams.get(id);
    if (stream !== undefined) return stream;
    const isOurs = id % 2 === (this.#options.role === "client" ? 1 : 0);
    if (isOurs ? id >= this.#nextId : id > this.#lastPeerId)
      throw new Http2Fault(errorCode.protocol, `${frame} for a stream that was never opened`);
    return undefined;
  }

  #refuse(id: number, code: number): void {
    this.writer.reset(id, code);
    this.#rememberReset(id);
  }

  #handlers(): FrameHandlers {
    return {
      headers: (id, block, endStream) => {
        const stream = this.streams.get(id);
        if (stream !== undefined) this.#moreHeaders(stream, block, endStream);
        else if (this.#options.role === "server" && id % 2 === 1 && id > this.#lastPeerId)
          this.#newStream(id, block, endStream);
        else if (this.#streamOf(id, "HEADERS") === undefined && !this.#resets.has(id))
          throw new Http2Fault(errorCode.streamClosed, "HEADERS for a closed stream");
      },
      data: (id, piece, flow, endStream) => {
        this.#receiving.take(flow);
        const stream = this.#streamOf(id, "DATA");
        if (stream === undefined || stream.remoteEnded) {
          if (stream !== undefined) this.#breakStream(stream, errorCode.streamClosed, "DATA came after the end");
          else if (!this.#resets.has(id)) this.#refuse(id, errorCode.streamClosed);
        } else if (this.#options.role === "client" && !stream.hasResponse)
          this.#breakStream(stream, errorCode.protocol, "DATA came before the response");
        else if (!stream.receive(piece, flow))
          this.#breakStream(stream, errorCode.flowControl, "the stream's window was ignored");
        else if (endStream && !stream.isGone) this.#end(stream);
        this.#receiving.credit(flow);
      },
      reset: (id, code) => {
        const stream = this.#streamOf(id, "RST_STREAM");
        if (this.#options.mayReset?.() === false)
          throw new Http2Fault(errorCode.enhanceYourCalm, "the peer resets too many streams");
        stream?.lose(code);
      },
      settings: (values) => this.#applySettings(values),
      ping: (payload) => this.writer.pingAck(payload),
      goaway: (lastId, code) => this.#goaway(lastId, code),
      windowUpdate: (id, increment) => this.#widen(id, increment),
    };
  }

  #newStream(id: number, block: HeaderBlock, endStream: boolean): void {
    this.#lastPeerId = id;
    const { list } = block;
    if (this.isDraining || this.streams.size >= mostStreams) {
      this.#refuse(id, errorCode.refusedStream);
      return;
    }
    // compat: the code of upstream's server.
    if (block.isTooLarge) {
      this.#refuse(id, errorCode.frameSize);
      return;
    }
    const isWhole = list[":method"] && list[":scheme"] && list[":path"] && list[":status"] === undefined;
    if (block.flaw !== undefined || !isWhole) {
      this.#refuse(id, errorCode.protocol);
      return;
    }
    const stream = new Http2Stream(this, this.#streamSendWindow);
    stream.id = id;
    stream.expected = lengthOf(list);
    this.streams.set(id, stream);
    this.#options.onStream?.(stream, list);
    if (endStream && !stream.isGone) this.#end(stream);
  }

  #moreHeaders(stream: Http2Stream, block: HeaderBlock, endStream: boolean): void {
    const flaw = block.isTooLarge ? "the headers are too large" : block.flaw;
    if (flaw !== undefined) {
      this.#breakStream(stream, errorCode.protocol, flaw);
      return;
    }
    if (stream.remoteEnded) {
      this.#breakStream(stream, errorCode.streamClosed, "HEADERS came after the end");
      return;
    }
    const status = block.list[":status"] as string | undefined;
    if (this.#options.role === "client" && !stream.hasResponse) {
      if (status === undefined || !/^\d{3}$/.test(status)) {
        this.#breakStream(stream, errorCode.protocol, "the response has no status");
        return;
      }
      if (status.startsWith("1")) {
        if (endStream) this.#breakStream(stream, errorCode.protocol, "the response ends before its status");
        return;
      }
      stream.hasResponse = true;
      stream.events?.onHeaders?.(block.list);
      if (endStream && !stream.isGone) this.#end(stream);
      return;
    }
    if (!endStream || Object.keys(block.list).some((name) => name.startsWith(":"))) {
      this.#breakStream(stream, errorCode.protocol, "trailers that are none");
      return;
    }
    this.#end(stream, block.list);
  }

  #end(stream: Http2Stream, trailers?: HeaderList): void {
    if (!stream.receiveEnd(trailers))
      this.#breakStream(stream, errorCode.protocol, "the body is not as long as its content-length says");
  }

  #applySettings(values: readonly (readonly [id: number, value: number])[]): void {
    for (const [id, value] of values) {
      if (id === setting.headerTableSize) this.#encoder.limit(value);
      else if (id === setting.maxConcurrentStreams) this.#peerMostStreams = value;
      else if (id === setting.maxFrameSize) this.writer.maxFrame = Math.min(value, ourMaxFrame);
      else if (id === setting.initialWindowSize) {
        const change = value - this.#streamSendWindow;
        this.#streamSendWindow = value;
        for (const stream of this.streams.values()) {
          stream.sendWindow += change;
          if (stream.sendWindow > largestWindow) throw new Http2Fault(errorCode.flowControl, "a window is too large");
          if (stream.queuedBytes > 0) this.wantsToSend(stream);
        }
      }
    }
    this.writer.settingsAck();
  }

  #widen(id: number, increment: number): void {
    if (id === 0) {
      this.#sending.widen(increment);
      return;
    }
    const stream = this.#streamOf(id, "WINDOW_UPDATE");
    if (stream === undefined) return;
    if (increment === 0) {
      this.#breakStream(stream, errorCode.protocol, "WINDOW_UPDATE by nothing");
      return;
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > largestWindow) {
      this.#breakStream(stream, errorCode.flowControl, "the stream's window is too large");
      return;
    }
    if (stream.queuedBytes > 0) this.wantsToSend(stream);
  }

  #goaway(lastId: number, code: number): void {
    if (this.#options.role === "server") {
      this.isDraining = true;
      this.#endWhenIdle();
      return;
    }
    this.lastProcessed = lastId;
    this.isDraining = true;
    if (code !== errorCode.noError) this.failure ??= new Error(`the peer went away with code ${code}`);
    this.#options.onGoaway?.();
    for (const stream of [...this.streams.values()]) if (stream.id > lastId) stream.lose(errorCode.refusedStream);
    for (const { stream } of this.#unopened.splice(0)) stream.lose(errorCode.refusedStream);
    this.#endWhenIdle();
  }
}

/** What `content-length` says; -1 without. */
function lengthOf(list: HeaderList): number {
  const value = list["content-length"];
  return typeof value === "string" && /^\d+$/.test(value) ? Number(value) : -1;
}
