import { concatBytes } from "../bytes.ts";
import { applyMask, controlBytes, isCloseCode, opcodes } from "./frames.ts";

/** The peer broke the protocol, or a limit; `code` is the close code that tells it so. */
export class WebSocketFault extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = "WebSocketFault";
    this.code = code;
  }
}

/** What frames carry. */
export interface FrameSink {
  onText(text: string): void;
  onBinary(bytes: Uint8Array): void;
  onPing(data: Uint8Array): void;
  onPong(data: Uint8Array): void;
  /** 1005 when the peer gave no code. Nothing is read after it. */
  onClose(code: number, reason: string): void;
}

export interface FrameReaderOptions {
  /** The peer is a client, whose frames are masked; a server's are not. */
  readonly isMasked: boolean;
  /** Largest message in bytes, all its fragments together. */
  readonly maxMessageBytes: number;
}

const protocolError = 1002;
const notUtf8 = 1007;
const tooBig = 1009;
const longestHeader = 14;
/** Many small pieces cost more than their bytes: beyond this number they are joined. */
const mostParts = 1024;

/** Reads the frames of one direction of a WebSocket and puts fragments together. No extension is known. */
export class FrameReader {
  readonly #options: FrameReaderOptions;
  readonly #sink: FrameSink;
  readonly #header = new Uint8Array(longestHeader);
  #headerBytes = 0;
  #isInPayload = false;
  #opcode = 0;
  #isFinal = false;
  #left = 0;
  #taken = 0;
  #mask: Uint8Array | undefined;
  #parts: Uint8Array[] = [];
  /** Of the message that is under way: its kind (0: none) and its bytes so far. */
  #kind = 0;
  #message: Uint8Array[] = [];
  #messageBytes = 0;
  #isOver = false;

  constructor(options: FrameReaderOptions, sink: FrameSink) {
    this.#options = options;
    this.#sink = sink;
  }

  /** Takes bytes; the sink may keep what it is given. Throws WebSocketFault, and then, or after a close frame, takes no more. */
  push(chunk: Uint8Array): void {
    try {
      for (let at = 0; at < chunk.length && !this.#isOver; ) {
        if (!this.#isInPayload) this.#takeHeaderByte(chunk[at++] as number);
        else {
          const size = Math.min(this.#left, chunk.length - at);
          this.#takePayload(chunk.subarray(at, at + size));
          at += size;
        }
      }
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }

  #takeHeaderByte(byte: number): void {
    const header = this.#header;
    header[this.#headerBytes++] = byte;
    if (this.#headerBytes < 2) return;
    const short = (header[1] as number) & 0x7f;
    const isMasked = ((header[1] as number) & 0x80) !== 0;
    if (this.#headerBytes === 2) this.#check(header[0] as number, short, isMasked);
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (this.#headerBytes < 2 + lengthBytes + (isMasked ? 4 : 0)) return;
    let length = short;
    if (lengthBytes > 0) {
      length = 0;
      for (let at = 2; at < 2 + lengthBytes; at++) length = length * 256 + (header[at] as number);
    }
    this.#begin(length, isMasked ? header.slice(2 + lengthBytes, 6 + lengthBytes) : undefined);
  }

  #check(first: number, short: number, isMasked: boolean): void {
    const opcode = first & 0x0f;
    const isFinal = (first & 0x80) !== 0;
    if ((first & 0x70) !== 0) throw new WebSocketFault(protocolError, "a reserved bit is set");
    if (isMasked !== this.#options.isMasked)
      throw new WebSocketFault(protocolError, isMasked ? "a frame is masked" : "a frame is not masked");
    if (opcode >= opcodes.close) {
      if (opcode > opcodes.pong) throw new WebSocketFault(protocolError, `unknown kind of frame ${opcode}`);
      if (!isFinal || short > controlBytes)
        throw new WebSocketFault(protocolError, "a control frame is fragmented or too long");
    } else if (opcode > opcodes.binary) throw new WebSocketFault(protocolError, `unknown kind of frame ${opcode}`);
    else if ((opcode === opcodes.continuation) !== (this.#kind !== 0))
      throw new WebSocketFault(protocolError, "fragments of messages are out of order");
    this.#opcode = opcode;
    this.#isFinal = isFinal;
  }

  #begin(length: number, mask: Uint8Array | undefined): void {
    const { maxMessageBytes } = this.#options;
    if (this.#opcode < opcodes.close && this.#messageBytes + length > maxMessageBytes)
      throw new WebSocketFault(tooBig, `a message is longer than ${maxMessageBytes} bytes`);
    this.#isInPayload = true;
    this.#left = length;
    this.#taken = 0;
    this.#mask = mask;
    this.#headerBytes = 0;
    if (length === 0) this.#endFrame();
  }

  #takePayload(part: Uint8Array): void {
    let bytes = part;
    if (this.#mask !== undefined) {
      bytes = part.slice();
      applyMask(bytes, this.#mask, this.#taken);
    }
    this.#taken += part.length;
    this.#left -= part.length;
    this.#parts.push(bytes);
    if (this.#parts.length > mostParts) this.#parts = [concatBytes(this.#parts)];
    if (this.#left === 0) this.#endFrame();
  }

  #endFrame(): void {
    const parts = this.#parts;
    this.#parts = [];
    this.#isInPayload = false;
    if (this.#opcode >= opcodes.close) {
      this.#control(concatBytes(parts));
      return;
    }
    if (this.#kind === 0) this.#kind = this.#opcode;
    for (const part of parts) this.#message.push(part);
    if (this.#message.length > mostParts) this.#message = [concatBytes(this.#message)];
    this.#messageBytes += this.#taken;
    if (!this.#isFinal) return;
    const bytes = concatBytes(this.#message);
    const isText = this.#kind === opcodes.text;
    this.#kind = 0;
    this.#message = [];
    this.#messageBytes = 0;
    if (isText) this.#sink.onText(decodeText(bytes));
    else this.#sink.onBinary(bytes);
  }

  #control(payload: Uint8Array): void {
    if (this.#opcode === opcodes.ping) this.#sink.onPing(payload);
    else if (this.#opcode === opcodes.pong) this.#sink.onPong(payload);
    else {
      const { code, reason } = readClose(payload);
      this.#isOver = true;
      this.#sink.onClose(code, reason);
    }
  }
}

function readClose(payload: Uint8Array): { readonly code: number; readonly reason: string } {
  if (payload.length === 0) return { code: 1005, reason: "" };
  const code = payload.length < 2 ? 0 : ((payload[0] as number) << 8) | (payload[1] as number);
  if (!isCloseCode(code)) throw new WebSocketFault(protocolError, `invalid close code ${code}`);
  return { code, reason: decodeText(payload.subarray(2)) };
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new WebSocketFault(notUtf8, "a text is not UTF-8");
  }
}
