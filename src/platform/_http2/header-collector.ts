import type { HeaderList } from "../types.ts";
import { errorCode, flag, Http2Fault } from "./frame.ts";
import type { HpackDecoder } from "./hpack-decoder.ts";

/** A header block as it came: a list without a prototype, repeated names with all their values. */
export interface HeaderBlock {
  readonly list: HeaderList;
  /** Why the block is no message, if so: its stream is to be reset, the connection goes on. */
  readonly flaw: string | undefined;
  /** The list was larger than allowed and is not complete. */
  readonly isTooLarge: boolean;
}

const entryOverhead = 32;
const pseudo = new Set([":method", ":scheme", ":authority", ":path", ":status", ":protocol"]);
const badName = /[^!#$%&'*+\-.^_`|~0-9a-z]/;
const badValue = /[\0\r\n]/;

function flawOf(name: string, value: string, sawPlain: boolean): string | undefined {
  if (name.charCodeAt(0) === 58) {
    if (sawPlain) return `pseudo header "${name}" comes after others`;
    return pseudo.has(name) ? undefined : `pseudo header "${name}" is unknown`;
  }
  if (name === "" || badName.test(name)) return `header name "${name}" is no token in lower case`;
  if (badValue.test(value)) return `the value of header "${name}" contains a line break or NUL`;
  switch (name) {
    case "connection":
    case "keep-alive":
    case "proxy-connection":
    case "transfer-encoding":
    case "upgrade":
      return `header "${name}" belongs to connections of HTTP/1.1`;
    case "te":
      return value === "trailers" ? undefined : 'header "te" says more than "trailers"';
    default:
      return undefined;
  }
}

/** Puts header blocks together from HEADERS and CONTINUATION, and reads them. */
export function createHeaderCollector(decoder: HpackDecoder, limit: number) {
  let pieces: Buffer[] = [];
  let held = 0;
  let openId = 0;
  let endStream = false;

  function decode(block: Buffer, from: number, to: number): HeaderBlock {
    const list: Record<string, string | string[]> = { __proto__: null } as never;
    let size = 0;
    let flaw: string | undefined;
    let sawPlain = false;
    decoder.decode(block, from, to, (name, value) => {
      size += name.length + value.length + entryOverhead;
      if (size > limit) return;
      flaw ??= flawOf(name, value, sawPlain);
      sawPlain ||= name.charCodeAt(0) !== 58;
      const before = list[name];
      if (before === undefined) list[name] = value;
      else if (name.charCodeAt(0) === 58) flaw ??= `pseudo header "${name}" is repeated`;
      else if (typeof before === "string") list[name] = [before, value];
      else before.push(value);
    });
    return { list, flaw, isTooLarge: size > limit };
  }

  return {
    /** Stream of the block that is not complete yet; 0 when there is none. */
    get openId(): number {
      return openId;
    },
    get endStream(): boolean {
      return endStream;
    },
    start(id: number, flags: number, bytes: Buffer, from: number, to: number): HeaderBlock | undefined {
      if (id === 0) throw new Http2Fault(errorCode.protocol, "HEADERS without a stream");
      let start = from;
      let end = to;
      if ((flags & flag.padded) !== 0) {
        if (start >= end) throw new Http2Fault(errorCode.frameSize, "padded HEADERS without their length");
        end -= bytes[start] as number;
        start += 1;
      }
      if ((flags & flag.priority) !== 0) start += 5;
      if (start > end) throw new Http2Fault(errorCode.protocol, "HEADERS are padded beyond their end");
      endStream = (flags & flag.endStream) !== 0;
      if ((flags & flag.endHeaders) !== 0) return decode(bytes, start, end);
      openId = id;
      held = end - start;
      pieces = [Buffer.from(bytes.subarray(start, end))];
      return undefined;
    },
    more(id: number, flags: number, bytes: Buffer, from: number, to: number): HeaderBlock | undefined {
      if (openId === 0 || id !== openId) throw new Http2Fault(errorCode.protocol, "CONTINUATION without HEADERS");
      held += to - from;
      // Packed blocks are smaller than what they say: one beyond twice the limit is an attack.
      if (held > limit * 2 + 65_536) throw new Http2Fault(errorCode.enhanceYourCalm, "a header block has no end");
      pieces.push(Buffer.from(bytes.subarray(from, to)));
      if ((flags & flag.endHeaders) === 0) return undefined;
      const block = Buffer.concat(pieces);
      pieces = [];
      openId = 0;
      return decode(block, 0, block.length);
    },
  };
}
