import type { Transport } from "./session.ts";

/** An open socket under a connection. */
export interface Wire extends Transport {
  /** Closes at once. */
  destroy(): void;
}

/** What a socket tells the connection above it. */
export interface WireEvents {
  onData(chunk: Buffer): void;
  /** Bytes are taken again, after `write` took fewer than it was given. */
  onDrain(): void;
  /** The socket is gone, or never came to be. Nothing follows. */
  onClose(error?: Error): void;
}
