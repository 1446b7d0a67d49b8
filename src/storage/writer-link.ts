import { LaneSender } from "./lane.ts";
import type { Reply, Request } from "./messages.ts";
import { decodeOutcomes } from "./messages.ts";
import type { Step, StepResult, StorageDescription, StorageOpen } from "./storage.ts";
import { StorageError } from "./storage-error.ts";
import { plainResults, resultsOf } from "./transaction.ts";
import { TransactionEncoder } from "./transaction-codec.ts";

/** The writing half of a storage, wherever the writer runs. */
export interface Writer {
  write(steps: readonly Step[]): Promise<readonly StepResult[]>;
  describe(): Promise<StorageDescription>;
  /** Resolves when everything written is answered and the file is closed. */
  close(): Promise<void>;
}

/** Sends a message to the writers' thread; the buffers change hands. */
export type Post = (request: Request, transfer?: readonly ArrayBuffer[]) => void;

interface Waiter {
  readonly steps: number;
  resolve(results: readonly StepResult[]): void;
  reject(error: unknown): void;
}

const LANE_BYTES = 256 * 1024;
/** Larger transactions go as messages of their own. */
const MOST_IN_LANE = LANE_BYTES / 8;

/** The writer of one file on another thread. What is written in one turn is sent at its end; the thread takes what is there whenever it has time. */
export class WriterLink implements Writer {
  readonly #file: number;
  readonly #path: string;
  readonly #post: Post;
  readonly #committed: () => void;
  readonly #encoder = new TransactionEncoder();
  readonly #memory = new SharedArrayBuffer(LANE_BYTES);
  readonly #lane = new LaneSender(this.#memory);
  /** Of all that is not answered, in the order of the writes. */
  #waiters: Waiter[] = [];
  /** What found no room in the lane. */
  #held: (readonly Step[])[] = [];
  #isSendDue = false;
  #broken: Error | undefined;
  #opening: { resolve(): void; reject(error: unknown): void } | undefined;
  #describing: ((description: StorageDescription | Error) => void)[] = [];
  #answered: (() => void) | undefined;
  #closing: (() => void) | undefined;

  constructor(file: number, path: string, post: Post, committed: () => void) {
    this.#file = file;
    this.#path = path;
    this.#post = post;
    this.#committed = committed;
  }

  /** Resolves when the thread has the file open; rejects with its StorageError. */
  open(options: StorageOpen, syncDelayMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#post({ type: "open", file: this.#file, path: this.#path, options, syncDelayMs, memory: this.#memory });
    });
  }

  write(steps: readonly Step[]): Promise<readonly StepResult[]> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      const bound = this.#encoder.bound(steps);
      if (this.#held.length > 0 || !this.#put(steps, bound)) this.#held.push(steps);
      this.#waiters.push({ steps: steps.length, resolve, reject });
    });
  }

  describe(): Promise<StorageDescription> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#describing.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
      this.#post({ type: "describe", file: this.#file });
    });
  }

  async close(): Promise<void> {
    if (this.#waiters.length > 0) await new Promise<void>((resolve) => (this.#answered = resolve));
    if (this.#broken !== undefined) return;
    const closed = new Promise<void>((resolve) => (this.#closing = resolve));
    this.#post({ type: "close", file: this.#file });
    await closed;
  }

  /** Takes a message of the thread for this file. */
  receive(reply: Exclude<Reply, number>): void {
    switch (reply.type) {
      case "opened":
        if (reply.failure === undefined) this.#opening?.resolve();
        else this.#opening?.reject(new StorageError(reply.failure.kind, reply.failure.message));
        return;
      case "written": {
        const outcomes = decodeOutcomes(reply.outcomes);
        const waiters = this.#take(outcomes.length);
        for (const [index, waiter] of waiters.entries()) {
          try {
            waiter.resolve(resultsOf(outcomes[index]!));
          } catch (error) {
            waiter.reject(error);
          }
        }
        if (outcomes.some(({ kind }) => kind === "done")) this.#committed();
        return;
      }
      case "described":
        this.#describing.shift()?.(reply.description ?? this.#gone());
        return;
      case "closed":
        this.#broken = this.#gone();
        this.#closing?.();
    }
  }

  /** The next `count` transactions are committed, one row changed by each of their steps. */
  written(count: number): void {
    for (const waiter of this.#take(count)) waiter.resolve(plainResults(waiter.steps));
    this.#committed();
  }

  /** The thread died: everything that is not answered fails. */
  break(cause: Error): void {
    const message = `cannot write to ${JSON.stringify(this.#path)}: the writer has stopped (${cause.message}); start again`;
    const error = new StorageError("failed", message, { cause });
    this.#broken = error;
    this.#opening?.reject(error);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    this.#held = [];
    for (const answer of this.#describing.splice(0)) answer(error);
    this.#answered?.();
    this.#closing?.();
  }

  #gone(): StorageError {
    return new StorageError("closed", `cannot write to ${JSON.stringify(this.#path)}: it was closed`);
  }

  /** False: there is no room in the lane. */
  #put(steps: readonly Step[], bound: number): boolean {
    const isLarge = bound > MOST_IN_LANE;
    const place = this.#lane.reserve(isLarge ? 0 : bound);
    if (place < 0) return false;
    if (isLarge) {
      const bytes = new Uint8Array(bound);
      this.#encoder.encode(steps, { bytes, view: new DataView(bytes.buffer) }, 0);
      this.#post({ type: "large", file: this.#file, bytes }, [bytes.buffer]);
    }
    this.#lane.put(isLarge ? 0 : this.#encoder.encode(steps, this.#lane, place));
    if (!this.#isSendDue) {
      this.#isSendDue = true;
      queueMicrotask(() => this.#send());
    }
    return true;
  }

  #send(): void {
    this.#isSendDue = false;
    if (this.#lane.send() && this.#broken === undefined) this.#post(this.#file);
  }

  /** The waiters of what is answered; what was held back takes their room. */
  #take(count: number): Waiter[] {
    const waiters = this.#waiters.splice(0, count);
    let moved = 0;
    while (moved < this.#held.length && this.#put(this.#held[moved]!, this.#encoder.bound(this.#held[moved]!))) moved++;
    if (moved > 0) this.#held.splice(0, moved);
    if (this.#waiters.length === 0) this.#answered?.();
    return waiters;
  }
}
