import type { Reply, Request } from "./messages.ts";
import { BatchEncoder, decodeOutcomes } from "./messages.ts";
import type { Step, StepResult, StorageDescription } from "./storage.ts";
import { StorageError } from "./storage-error.ts";
import { type Outcome, resultsOf } from "./transaction.ts";

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
  resolve(results: readonly StepResult[]): void;
  reject(error: unknown): void;
}

/** While commits are quicker than this a second batch is sent ahead, so that the thread never waits for this side. */
const QUICK_COMMIT_MS = 2;

/** The writer of one file behind messages: what is written in one turn, or while batches are under way, goes as one message. */
export class WriterLink implements Writer {
  readonly #file: number;
  readonly #path: string;
  readonly #post: Post;
  readonly #committed: () => void;
  readonly #encoder = new BatchEncoder();
  readonly #underWay = new Map<number, readonly Waiter[]>();
  #waiting: Waiter[] = [];
  #batch = 0;
  #commitMs = 0;
  #isFlushDue = false;
  #broken: Error | undefined;
  #opening: { resolve(): void; reject(error: unknown): void } | undefined;
  #describing: ((description: StorageDescription | Error) => void)[] = [];
  #closing: (() => void) | undefined;

  constructor(file: number, path: string, post: Post, committed: () => void) {
    this.#file = file;
    this.#path = path;
    this.#post = post;
    this.#committed = committed;
  }

  /** Resolves when the thread has the file open; rejects with its StorageError. */
  open(request: Extract<Request, { type: "open" }>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#post(request);
    });
  }

  write(steps: readonly Step[]): Promise<readonly StepResult[]> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#encoder.add(steps);
      this.#waiting.push({ resolve, reject });
      if (this.#isFlushDue || !this.#maySend()) return;
      this.#isFlushDue = true;
      queueMicrotask(() => {
        this.#isFlushDue = false;
        this.#send();
      });
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
    if (this.#broken !== undefined) return;
    if (this.#waiting.length > 0) this.#send();
    const closed = new Promise<void>((resolve) => (this.#closing = resolve));
    this.#post({ type: "close", file: this.#file });
    await closed;
  }

  /** Takes a message of the thread for this file. */
  receive(reply: Reply): void {
    switch (reply.type) {
      case "opened":
        if (reply.failure === undefined) this.#opening?.resolve();
        else this.#opening?.reject(new StorageError(reply.failure.kind, reply.failure.message));
        return;
      case "written":
        this.#written(reply);
        return;
      case "described":
        this.#describing.shift()?.(reply.description ?? this.#gone());
        return;
      case "closed":
        this.#broken = this.#gone();
        this.#closing?.();
    }
  }

  /** The thread died: everything that is not answered fails. */
  break(cause: Error): void {
    const message = `cannot write to ${JSON.stringify(this.#path)}: the writer has stopped (${cause.message}); start again`;
    const error = new StorageError("failed", message, { cause });
    this.#broken = error;
    this.#opening?.reject(error);
    for (const waiters of [...this.#underWay.values(), this.#waiting])
      for (const waiter of waiters) waiter.reject(error);
    this.#underWay.clear();
    this.#waiting = [];
    for (const answer of this.#describing.splice(0)) answer(error);
    this.#closing?.();
  }

  #gone(): StorageError {
    return new StorageError("closed", `cannot write to ${JSON.stringify(this.#path)}: it was closed`);
  }

  #maySend(): boolean {
    return this.#underWay.size < (this.#commitMs < QUICK_COMMIT_MS ? 2 : 1);
  }

  #send(): void {
    const batch = ++this.#batch;
    this.#underWay.set(batch, this.#waiting);
    this.#waiting = [];
    const { steps, blob, texts } = this.#encoder.take();
    const transfer = blob === null ? undefined : [blob.buffer];
    try {
      this.#post({ type: "write", file: this.#file, batch, steps, blob, texts }, transfer);
    } catch (cause) {
      // The thread has not learned the statements of this message: what follows could not be understood.
      this.break(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  #written(reply: Extract<Reply, { type: "written" }>): void {
    const waiters = this.#underWay.get(reply.batch) ?? [];
    this.#underWay.delete(reply.batch);
    this.#commitMs = this.#commitMs * 0.8 + reply.tookMs * 0.2;
    if (this.#waiting.length > 0 && this.#maySend()) this.#send();
    let hasCommitted = false;
    const outcomes = decodeOutcomes(reply.outcomes);
    for (let index = 0; index < outcomes.length; index++) {
      const outcome = outcomes[index] as Outcome;
      hasCommitted ||= outcome.kind === "done";
      const waiter = waiters[index];
      try {
        waiter?.resolve(resultsOf(outcome));
      } catch (error) {
        waiter?.reject(error);
      }
    }
    if (hasCommitted) this.#committed();
  }
}
