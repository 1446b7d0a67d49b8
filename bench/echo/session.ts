import type { Outgoing } from "../net/tcp.ts";

/** Sends the first `end` bytes; the room may be reused after the call. */
export type Write = (room: Outgoing, end: number) => void;

/** The server's side of one connection: called with the bytes of each read, of which it keeps none. */
export type Session = (bytes: Uint8Array, length: number) => void;
