import { acceptKey } from "../../kit/websocket/handshake.ts";
import { UpgradeResponse } from "../../kit/websocket/upgrade-response.ts";
import type { PlainAnswer, RequestInfo, WireHandler } from "../types.ts";
import { type Afterwards, answerHead, type BodyEnd, isBodiless, upgradeHead } from "./http1-answer.ts";
import { type BodyFlow, IncomingBody } from "./http1-body.ts";
import { type HeaderBlock, noBody, type RequestLine } from "./http1-head.ts";
import { Http1Request } from "./http1-request.ts";
import { linesOf, sendStream } from "./http1-stream.ts";

/** What an exchange needs of its connection. */
export interface ExchangeLine {
  readonly isClosed: boolean;
  /** No further request is taken, so an answer says that the connection closes. */
  readonly isLeaving: boolean;
  readonly info: RequestInfo;
  /** Sends the first `length` bytes, which are free again afterwards. */
  send(bytes: Uint8Array, length: number): void;
  /** Sends bytes that stay as they are. */
  sendKept(bytes: Uint8Array): void;
  /** Resolves when there is room for more; undefined: there is. */
  room(): Promise<void> | undefined;
  pause(): void;
  resume(): void;
  /** The whole answer was sent. */
  answered(exchange: Exchange): void;
  cut(): void;
  /** The answer of 101 was sent. */
  upgraded(answer: UpgradeResponse): void;
}

/** What the exchanges of one listener share. */
export interface ExchangeHost {
  readonly handle: WireHandler;
  readonly maxHeaderBytes: number;
  /** Scratch space for answers; whoever writes into it sends it in the same turn. */
  readonly room: Buffer;
  /** The value of the Date line. */
  date(): string;
}

/** What of an unread body is read for the sake of the next request. */
export const mostUnread = 8 * 1024 * 1024;
/** What the chunked coding puts around a chunk, at most. */
const chunkFrame = 16;
const leave = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");
const failed: PlainAnswer = Object.freeze({ status: 500, lines: Object.freeze([]), body: null });

/** One request and its answer. */
export class Exchange implements BodyFlow {
  readonly #line: ExchangeLine;
  readonly #host: ExchangeHost;
  readonly #request: Http1Request;
  readonly #headers: HeaderBlock;
  readonly body: IncomingBody | undefined;
  #awaitsLeave: boolean;
  /** The header of the answer was sent. */
  hasBegun = false;
  isAnswered = false;
  /** The connection closes behind the answer. */
  mustClose: boolean;

  /** `isBare`: nothing came behind the header. */
  constructor(line: ExchangeLine, host: ExchangeHost, first: RequestLine, headers: HeaderBlock, isBare: boolean) {
    this.#line = line;
    this.#host = host;
    this.#headers = headers;
    const { length } = headers;
    this.body = length === noBody ? undefined : new IncomingBody(this, length, host.maxHeaderBytes);
    this.#awaitsLeave = headers.expects && isBare && first.minor > 0 && this.body?.isDone === false;
    this.mustClose = headers.closes || (first.minor === 0 && !headers.keepsAlive);
    this.#request = new Http1Request(first, headers, this.body, line.info);
  }

  /** Hands the request to the handler and sends what comes back. */
  serve(): void {
    let answer: ReturnType<WireHandler>;
    try {
      answer = this.#host.handle(this.#request, this.#request);
    } catch {
      this.#answer(failed);
      return;
    }
    if (!(answer instanceof Promise)) this.#answer(answer);
    else
      answer.then(
        (given) => this.#answer(given),
        () => this.#answer(failed),
      );
  }

  /** The client has gone, or sent what is no request. */
  abort(): void {
    this.body?.fail(new Error("the client went away"));
    this.#request.abort();
  }

  wanted(): void {
    if (this.#awaitsLeave && !this.hasBegun) this.#line.send(leave, leave.length);
    this.#awaitsLeave = false;
    if (this.body?.isDone === false) this.#line.resume();
  }

  full(): void {
    this.#line.pause();
  }

  #answer(answer: PlainAnswer | Response): void {
    if (!(answer instanceof Response)) this.#sendWhole(answer);
    else if (answer instanceof UpgradeResponse) void this.#upgrade(answer);
    else void this.#stream(answer);
  }

  #sendWhole({ status, lines, body }: PlainAnswer): void {
    if (this.#line.isClosed) return;
    const bodiless = isBodiless(status);
    const isHead = this.#request.method === "HEAD";
    const end = bodiless ? "none" : (body?.length ?? (isHead ? (announcedLength(lines) ?? "none") : 0));
    const head = answerHead(status, lines, end, this.#afterwards(lines), this.#host.date());
    const sent = bodiless || isHead || body === null ? undefined : body;
    const { room } = this.#host;
    const length = sent === undefined ? 0 : sent.length;
    if (head.length + length <= room.length) {
      const at = room.write(head, 0, "latin1");
      if (sent !== undefined) room.set(sent, at);
      this.#line.send(room, at + length);
    } else {
      this.#sendText(head);
      if (sent !== undefined) this.#line.send(sent, sent.length);
    }
    this.hasBegun = true;
    this.#done();
  }

  #sendText(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.#line.send(bytes, bytes.length);
  }

  #done(): void {
    this.isAnswered = true;
    this.#line.answered(this);
  }

  async #stream(answer: Response): Promise<void> {
    const lines = linesOf(answer.headers);
    const isWhole = await sendStream(answer, this.#request.method === "HEAD" || isBodiless(answer.status), {
      begin: (end) => this.#begin(answer.status, lines, end),
      write: (bytes) => {
        this.#line.sendKept(bytes);
        return this.#line.room();
      },
      writeChunk: (bytes) => this.#sendChunks(bytes),
      isGone: () => this.#line.isClosed,
      onGone: (call) => this.#request.onGone(call),
    });
    if (this.#line.isClosed) return;
    // A peer sees by the lost connection that the answer is not complete.
    if (isWhole) this.#done();
    else this.#line.cut();
  }

  async #sendChunks(bytes: Uint8Array): Promise<void> {
    const { room } = this.#host;
    const most = room.length - chunkFrame;
    for (let at = 0; at < bytes.length; at += most) {
      const chunk = bytes.subarray(at, at + most);
      const start = room.write(`${chunk.length.toString(16)}\r\n`, 0, "latin1");
      room.set(chunk, start);
      const end = start + chunk.length;
      this.#line.send(room, end + room.write("\r\n", end, "latin1"));
      await this.#line.room();
    }
  }

  #begin(status: number, lines: readonly string[], end: BodyEnd): boolean {
    // HTTP/1.0 knows no chunks: there the end of the connection is that of the body.
    const isOpenEnded = end === "chunks" && this.#request.minor === 0;
    if (isOpenEnded) this.mustClose = true;
    const afterwards = this.#afterwards(lines);
    this.#sendText(answerHead(status, lines, isOpenEnded ? "none" : end, afterwards, this.#host.date()));
    this.hasBegun = true;
    return !isOpenEnded;
  }

  #afterwards(lines: readonly string[]): Afterwards {
    const at = lines.indexOf("connection");
    if (at >= 0 && at % 2 === 0 && /\bclose\b/i.test(lines[at + 1] ?? "")) this.mustClose = true;
    const { body } = this;
    if (this.#awaitsLeave || this.#line.isLeaving || (body !== undefined && body.left > mostUnread))
      this.mustClose = true;
    if (this.mustClose) return "close";
    return this.#request.minor === 0 ? "keep-alive" : "open";
  }

  async #upgrade(answer: UpgradeResponse): Promise<void> {
    const accept = await acceptKey(this.#headers.get("sec-websocket-key") ?? "");
    if (this.#line.isClosed || this.#line.isLeaving || this.body?.isDone === false) {
      answer.taker.missed();
      this.#line.cut();
      return;
    }
    this.hasBegun = true;
    this.#sendText(upgradeHead(accept, linesOf(answer.headers)));
    this.#line.upgraded(answer);
  }
}

/** What a handler says of the body that it has left away: HEAD shows the length that GET would have. */
function announcedLength(lines: readonly string[]): number | undefined {
  const at = lines.indexOf("content-length");
  const text = at >= 0 && at % 2 === 0 ? (lines[at + 1] ?? "") : "";
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
