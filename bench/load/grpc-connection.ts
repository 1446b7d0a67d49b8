import { connectTcp, type Inbox, Outbox, pin } from "../net/tcp.ts";
import { GrpcStatusReader } from "../wire/grpc-status-reader.ts";
import {
  createFrameReader,
  encodeFrame,
  flag,
  frame,
  maxFrame,
  openingFrames,
  preface,
  readU32,
  writeU32,
} from "../wire/h2-frames.ts";
import { encodeHeaders } from "../wire/hpack-encode.ts";
import { createStamp, type RequestShape, reserveCounters } from "../wire/http1-request.ts";
import { joinBytes } from "../wire/join-bytes.ts";
import type { Connection, OnAnswer, OpenConnection } from "./connection.ts";

const replenishAt = 1 << 28;

/** The frames of a unary call and where their stream ids stand. */
const encodeCall = (shape: RequestShape) => {
  const headers = encodeHeaders([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", reserveCounters(shape.path)],
    [":authority", shape.host],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...shape.headers,
  ]);
  const message = new Uint8Array(5 + shape.body.length);
  writeU32(message, 1, shape.body.length);
  message.set(shape.body, 5);
  const frames = [encodeFrame(frame.headers, flag.endHeaders, 0, headers)];
  for (let at = 0; at < message.length; at += maxFrame) {
    const last = at + maxFrame >= message.length;
    frames.push(encodeFrame(frame.data, last ? flag.endStream : 0, 0, message.subarray(at, at + maxFrame)));
  }
  const idPlaces: number[] = [];
  let at = 5;
  for (const piece of frames) {
    idPlaces.push(at);
    at += piece.length;
  }
  return { call: pin(joinBytes(...frames)), idPlaces, messageSize: message.length };
};

/** Opens h2c connections that send the same preallocated unary gRPC call, up to `streams` at a time each. */
export const createGrpcOpener = (
  shape: RequestShape,
  port: number,
  keys: number,
  streams: number,
  inbox: Inbox,
): OpenConnection => {
  const { call, idPlaces, messageSize } = encodeCall(shape);
  const bytes = call.bytes;
  if (messageSize > 65_535) throw new Error(`Sending ${messageSize} bytes in one call failed: 65535 is the most`);
  const stamp = createStamp(bytes, keys);
  return (onAnswer: OnAnswer): Connection => {
    const fd = connectTcp(shape.host.split(":")[0] as string, port);
    if (fd < 0) throw new Error(`Connecting to "${shape.host}" failed: nobody listens there`);
    const outbox = new Outbox(fd);
    const open = new Map<number, number>();
    const held: number[] = [];
    const statuses = new GrpcStatusReader();
    let nextStream = 1;
    let window = 65_535;
    let consumed = 0;

    const sendBytes = (piece: Uint8Array) => outbox.send(pin(piece), 0, piece.length);
    const sendCall = (dueAt: number) => {
      for (const place of idPlaces) writeU32(bytes, place, nextStream);
      open.set(nextStream, dueAt);
      nextStream += 2;
      window -= messageSize;
      stamp();
      outbox.send(call, 0, bytes.length);
    };
    const finish = (stream: number, status: number) => {
      const dueAt = open.get(stream);
      if (dueAt === undefined) return;
      open.delete(stream);
      onAnswer(dueAt, status === 0, status);
    };
    const onFrame = createFrameReader((type, flags, stream, input, start, end) => {
      if (type === frame.data) {
        consumed += end - start;
        if (flags & flag.endStream) finish(stream, 2);
      } else if (type === frame.headers) {
        if (!(flags & flag.endHeaders)) throw new Error("Reading headers failed: they span several frames");
        const from = start + (flags & flag.padded ? 1 : 0) + (flags & flag.priority ? 5 : 0);
        const to = flags & flag.padded ? end - (input[start] as number) : end;
        const status = statuses.read(input, from, to);
        if (flags & flag.endStream) finish(stream, status < 0 ? 2 : status);
      } else if (type === frame.reset) finish(stream, 1000 + readU32(input, start));
      else if (type === frame.settings && !(flags & flag.ack)) {
        for (let at = start; at < end; at += 6) {
          const window = input[at + 1] === 4 ? readU32(input, at + 2) : messageSize;
          if (window < messageSize)
            throw new Error(`The peer takes ${window} bytes of a stream, ${messageSize} are needed`);
        }
        sendBytes(encodeFrame(frame.settings, flag.ack, 0, new Uint8Array(0)));
      } else if (type === frame.ping && !(flags & flag.ack)) {
        sendBytes(encodeFrame(frame.ping, flag.ack, 0, input.slice(start, end)));
      } else if (type === frame.windowUpdate && stream === 0) {
        window += readU32(input, start);
        while (held.length > 0 && window >= messageSize) sendCall(held.shift() as number);
      } else if (type === frame.goAway) {
        throw new Error(`The peer ended the connection with error ${readU32(input, start + 4)}`);
      }
      if (consumed > replenishAt) {
        const update = new Uint8Array(4);
        writeU32(update, 0, consumed);
        consumed = 0;
        sendBytes(encodeFrame(frame.windowUpdate, 0, 0, update));
      }
    });

    sendBytes(joinBytes(preface, openingFrames()));
    return {
      fd,
      capacity: streams,
      get inflight() {
        return open.size + held.length;
      },
      get waiting() {
        return outbox.waiting;
      },
      start(dueAt) {
        if (window >= messageSize) sendCall(dueAt);
        else held.push(dueAt);
      },
      receive() {
        const length = inbox.receive(fd);
        if (length > 0) onFrame(inbox.bytes, length);
        if (length !== 0) return true;
        for (const stream of [...open.keys()]) finish(stream, 14);
        for (const dueAt of held.splice(0)) onAnswer(dueAt, false, 14);
        return false;
      },
      flush: () => outbox.flush(),
    };
  };
};
