/** What of a connection's socket sends. */
export interface Sender {
  /** How many of the first `length` bytes the system took. They are free again afterwards. */
  write(bytes: Uint8Array, length: number): number;
}

/** Bytes on their way out; what the system does not take at once waits here. */
export class Outbox {
  readonly #wire: Sender;
  #unsent: Uint8Array[] = [];
  #drained: (() => void)[] = [];

  constructor(wire: Sender) {
    this.#wire = wire;
  }

  get isEmpty(): boolean {
    return this.#unsent.length === 0;
  }

  /** Sends the first `length` bytes, which are free again afterwards. */
  send(bytes: Uint8Array, length: number): void {
    const taken = this.#try(bytes, length);
    if (taken < length) this.#unsent.push(Uint8Array.prototype.slice.call(bytes, taken, length));
  }

  /** Sends bytes that stay as they are. */
  sendKept(bytes: Uint8Array): void {
    const taken = this.#try(bytes, bytes.length);
    if (taken < bytes.length) this.#unsent.push(bytes.subarray(taken));
  }

  /** Resolves when there is room for more; undefined: there is. */
  room(): Promise<void> | undefined {
    return this.isEmpty ? undefined : new Promise((resolve) => this.#drained.push(resolve));
  }

  /** The system takes bytes again. False: not all that wait. */
  flush(): boolean {
    while (this.#unsent.length > 0) {
      const next = this.#unsent[0] as Uint8Array;
      const taken = Math.max(0, this.#wire.write(next, next.length));
      if (taken < next.length) {
        this.#unsent[0] = next.subarray(taken);
        return false;
      }
      this.#unsent.shift();
    }
    this.#wake();
    return true;
  }

  /** Nothing will be sent any more. */
  drop(): void {
    this.#unsent = [];
    this.#wake();
  }

  #try(bytes: Uint8Array, length: number): number {
    return this.#unsent.length > 0 ? 0 : Math.max(0, this.#wire.write(bytes, length));
  }

  #wake(): void {
    for (const go of this.#drained.splice(0)) go();
  }
}
