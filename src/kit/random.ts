/** Randomness as the host gives it, or as a test seeds it. */
export interface Random {
  bytes(length: number): Uint8Array;
  /** A random (version 4) UUID. */
  uuid(): string;
  /** A number in [0, 1). */
  fraction(): number;
}
