/** The longest message that a host takes from a client where nobody says otherwise. */
export const defaultMessageBytes = 16 << 20;

/** A WebSocket that the host has accepted, as its server sees it. Calls on a closed one do nothing. */
export interface ServerSocket {
  /** A text or a binary message. False: the client reads slowly, wait for `onDrain`. */
  send(message: string | Uint8Array): boolean;
  /** As `send`. Absent: this host cannot send pings. */
  ping?(data: Uint8Array): boolean;
  /** Sends a close frame; `onClose` follows. 1005: without a code. */
  close(code: number, reason: string): void;
  /** Cuts the connection without one; `onClose` follows. */
  destroy(): void;
  /** Stops and resumes `onMessage`. */
  pause(): void;
  resume(): void;
}

/** What happens on a WebSocket. The host answers pings and close frames of the client itself. */
export interface ServerSocketHandlers {
  onMessage(message: string | Uint8Array): void;
  onPing(data: Uint8Array): void;
  onPong(data: Uint8Array): void;
  onDrain(): void;
  /** 1005: closed without a code; 1006: the client has gone. Called once, and last. */
  onClose(code: number, reason: string): void;
}

/** Who takes the WebSocket. Exactly one of the two is called. */
export interface SocketTaker {
  /** The client has its answer. */
  opened(socket: ServerSocket): ServerSocketHandlers;
  /** The client had gone before, or the host could not send the answer. */
  missed(): void;
}

/**
 * The answer to a request that asks for a WebSocket: makes the host accept it, with these headers. Handlers pass it on as it is.
 * `sec-websocket-protocol` among the headers is the subprotocol; no extension is agreed on.
 */
export class UpgradeResponse extends Response {
  readonly taker: SocketTaker;
  constructor(headers: Headers, taker: SocketTaker) {
    super(null, { headers });
    this.taker = taker;
  }
  // portable: only Bun makes responses of status 101
  override get status(): number {
    return 101;
  }
}
