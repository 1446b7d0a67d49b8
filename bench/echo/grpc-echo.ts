import {
  createFrameReader,
  encodeFrame,
  flag,
  frame,
  headerSize,
  openingFrames,
  preface,
  readU32,
  writeFrameHeader,
  writeU32,
} from "../wire/h2-frames.ts";
import { encodeHeaders } from "../wire/hpack-encode.ts";
import { joinBytes } from "../wire/join-bytes.ts";
import { createAnswerRoom } from "./answer-room.ts";
import type { Session, Write } from "./session.ts";

const leading = encodeHeaders([
  [":status", "200"],
  ["content-type", "application/grpc"],
]);
const trailing = encodeHeaders([["grpc-status", "0"]]);
const replenishAt = 1 << 28;

/** Answers every unary gRPC call on h2c with its own message, whatever its path. */
export const createGrpcEcho = () => {
  const room = createAnswerRoom();
  const header = new Uint8Array(headerSize);
  return (write: Write): Session => {
    let window = 65_535;
    let consumed = 0;
    let toSkip = preface.length;
    const messages = new Map<number, Uint8Array>();
    const held: (() => void)[] = [];

    const putFrame = (type: number, flags: number, stream: number, payload: Uint8Array) => {
      writeFrameHeader(header, 0, payload.length, type, flags, stream);
      room.put(header);
      room.put(payload);
    };
    const answer = (stream: number, message: Uint8Array) => {
      window -= message.length;
      putFrame(frame.headers, flag.endHeaders, stream, leading);
      for (let at = 0; at < message.length; at += 16_384)
        putFrame(frame.data, 0, stream, message.subarray(at, at + 16_384));
      putFrame(frame.headers, flag.endHeaders | flag.endStream, stream, trailing);
    };
    const finish = (stream: number, message: Uint8Array) => {
      if (window >= message.length) return answer(stream, message);
      const kept = message.slice();
      held.push(() => answer(stream, kept));
    };
    const onFrame = createFrameReader((type, flags, stream, bytes, start, end) => {
      if (type === frame.data) {
        consumed += end - start;
        const from = flags & flag.padded ? start + 1 : start;
        const to = flags & flag.padded ? end - (bytes[start] as number) : end;
        const before = messages.get(stream);
        const piece = bytes.subarray(from, to);
        if (flags & flag.endStream) {
          if (before === undefined) finish(stream, piece);
          else {
            messages.delete(stream);
            finish(stream, joinBytes(before, piece));
          }
        } else messages.set(stream, before === undefined ? piece.slice() : joinBytes(before, piece));
      } else if (type === frame.headers && flags & flag.endStream) finish(stream, new Uint8Array(5));
      else if (type === frame.reset) messages.delete(stream);
      else if (type === frame.settings && !(flags & flag.ack))
        room.put(encodeFrame(frame.settings, flag.ack, 0, new Uint8Array(0)));
      else if (type === frame.ping && !(flags & flag.ack))
        room.put(encodeFrame(frame.ping, flag.ack, 0, bytes.slice(start, end)));
      else if (type === frame.windowUpdate && stream === 0) {
        window += readU32(bytes, start);
        while (held.length > 0 && window > 0) held.shift()?.();
      }
      if (consumed > replenishAt) {
        const update = new Uint8Array(4);
        writeU32(update, 0, consumed);
        consumed = 0;
        room.put(encodeFrame(frame.windowUpdate, 0, 0, update));
      }
    });

    room.put(openingFrames());
    return (bytes, length) => {
      const skipped = Math.min(toSkip, length);
      toSkip -= skipped;
      if (skipped < length) onFrame(skipped === 0 ? bytes : bytes.subarray(skipped, length), length - skipped);
      room.send(write);
    };
  };
};
