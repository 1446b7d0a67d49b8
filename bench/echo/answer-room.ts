import { type Outgoing, pinnedRoom } from "../net/tcp.ts";
import type { Write } from "./session.ts";

/** Collects the answers of one read, so that they leave in one write; grows as needed. */
export const createAnswerRoom = () => {
  let room: Outgoing = pinnedRoom(1 << 16);
  let filled = 0;
  const reserve = (size: number) => {
    if (filled + size <= room.bytes.length) return;
    const grown = pinnedRoom(Math.max(filled + size, room.bytes.length * 2));
    grown.bytes.set(room.bytes.subarray(0, filled));
    room = grown;
  };
  return {
    put: (piece: Uint8Array) => {
      reserve(piece.length);
      room.bytes.set(piece, filled);
      filled += piece.length;
    },
    send: (write: Write) => {
      if (filled > 0) write(room, filled);
      filled = 0;
    },
  };
};
