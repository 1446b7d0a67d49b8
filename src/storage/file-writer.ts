import type { Clock } from "../kit/clock.ts";
import type { SqlDatabase } from "../platform/types.ts";
import { describeConnection } from "./open-database.ts";
import type { StorageDescription } from "./storage.ts";
import { isBusy, isIoError } from "./storage-error.ts";
import type { Outcome, PlainStep, Transaction } from "./transaction.ts";
import { bytesInLog, failedOutcome, runTransaction } from "./transaction.ts";

/** What a writer needs beside its connection. */
export interface WriterOptions {
  readonly path: string;
  readonly clock: Pick<Clock, "monotonic" | "after" | "sleep">;
  readonly threaded: boolean;
  readonly wal: boolean;
  readonly lockWaitMs: number;
  /** For tests: how much longer each commit takes, as on a slow disk. Blocks the writer's thread. */
  readonly syncDelayMs: number;
}

interface Batch {
  readonly arrived: number;
  readonly outcomes: Outcome[];
  open: number;
  readonly settled: (outcomes: readonly Outcome[]) => void;
}
interface Unit {
  readonly steps: Transaction;
  readonly batch: Batch;
  readonly index: number;
  /** Something in its group failed: it runs again, so that it can be undone by itself. */
  guarded: boolean;
  /** Its group failed as a whole: it gets a commit of its own. */
  alone: boolean;
}

/** Log after which it is copied back into the file: in small pieces it holds up nobody for long. */
const CHECKPOINT_BYTES = 1_000_000;
const IDLE_MS = 500;
const MAX_GROUP = 1024;
const MAX_PAUSE_MS = 20;

function block(ms: number): void {
  if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The only statement of a group, where nothing about its outcome could ask for undoing it. */
function loneStep(group: readonly Unit[]): PlainStep | undefined {
  const [unit] = group;
  const step = group.length === 1 && unit?.steps.length === 1 ? unit.steps[0] : undefined;
  return step?.returning === false && step.least === 0 && step.most === Number.POSITIVE_INFINITY ? step : undefined;
}

/**
 * The only writer of a file in this process: takes what waits, runs it in one transaction, commits once, answers after
 * the commit. Where another process holds the lock it tries again with pauses, so it never blocks longer than a commit.
 */
export class FileWriter {
  readonly #db: SqlDatabase;
  readonly #options: WriterOptions;
  #queue: Unit[] = [];
  /** Its statements ran, its COMMIT met a lock. */
  #uncommitted: Unit[] | undefined;
  #isWaiting = false;
  #pauseMs = 1;
  #bytesInLog = 0;
  #bytesSeen = 0;
  #cancelIdle: (() => void) | undefined;
  #drained: (() => void) | undefined;

  constructor(db: SqlDatabase, options: WriterOptions) {
    this.#db = db;
    this.#options = options;
  }

  /** Calls `settled` once, with one outcome per transaction, after their commit; in the order in which they were submitted. */
  submit(transactions: readonly Transaction[], settled: (outcomes: readonly Outcome[]) => void): void {
    const arrived = this.#options.clock.monotonic();
    const batch: Batch = { arrived, outcomes: [], open: transactions.length, settled };
    for (let index = 0; index < transactions.length; index++)
      this.#queue.push({ steps: transactions[index] as Transaction, batch, index, guarded: false, alone: false });
    if (!this.#isWaiting) this.#run();
  }

  describe(): StorageDescription {
    return describeConnection(this.#db, this.#options.threaded);
  }

  /** Resolves when all that was submitted is answered and the connection is closed. */
  async close(): Promise<void> {
    if (this.#isWaiting) await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#cancelIdle?.();
    this.#db.close();
  }

  #run(): void {
    while (this.#uncommitted !== undefined || this.#queue.length > 0) {
      if (!this.#commitNext()) {
        this.#isWaiting = true;
        void this.#options.clock.sleep(this.#pauseMs).then(() => {
          this.#isWaiting = false;
          this.#run();
        });
        this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
        return;
      }
      this.#pauseMs = 1;
    }
    this.#drained?.();
    if (this.#options.wal && this.#bytesInLog > 0 && this.#cancelIdle === undefined) this.#checkpointWhenIdle();
  }

  /** One round; false when a lock of somebody else was in the way and the round must be tried again. */
  #commitNext(): boolean {
    let group = this.#uncommitted;
    if (group === undefined) {
      group = this.#takeGroup();
      const step = this.#options.wal ? loneStep(group) : undefined;
      if (step !== undefined) return this.#commitStatement(group, step);
      try {
        this.#db.run("BEGIN IMMEDIATE", []);
      } catch (cause) {
        return this.#notCommitted(group, cause);
      }
      if (!this.#execute(group)) return true;
    }
    try {
      block(this.#options.syncDelayMs);
      this.#db.run("COMMIT", []);
    } catch (cause) {
      this.#uncommitted = group;
      if (isBusy(cause) && !this.#isLate(group[0] as Unit, this.#options.clock.monotonic())) return false;
      this.#uncommitted = undefined;
      this.#rollback();
      return this.#notCommitted(group, cause);
    }
    this.#uncommitted = undefined;
    this.#answerAll(group);
    return true;
  }

  /** As `#commitNext` for a statement alone, which is a transaction by itself: four fifths of the time with BEGIN and COMMIT. */
  #commitStatement(group: readonly Unit[], { sql, params }: PlainStep): boolean {
    const unit = group[0] as Unit;
    try {
      block(this.#options.syncDelayMs);
      unit.batch.outcomes[unit.index] = { kind: "done", results: [this.#db.run(sql, params).changes] };
    } catch (cause) {
      return this.#notCommitted(group, cause);
    }
    this.#answerAll(group);
    return true;
  }

  /** The group is on disk. */
  #answerAll(group: readonly Unit[]): void {
    for (const unit of group) {
      this.#bytesInLog += bytesInLog(unit.steps, unit.batch.outcomes[unit.index]);
      this.#answer(unit);
    }
    if (this.#options.wal && this.#bytesInLog >= CHECKPOINT_BYTES) this.#checkpoint();
  }

  #takeGroup(): Unit[] {
    if (this.#queue[0]?.alone === true) return this.#queue.splice(0, 1);
    const stop = this.#queue.findIndex((unit) => unit.alone);
    if (stop < 0 && this.#queue.length <= MAX_GROUP) {
      const all = this.#queue;
      this.#queue = [];
      return all;
    }
    return this.#queue.splice(0, Math.min(stop < 0 ? this.#queue.length : stop, MAX_GROUP));
  }

  /** True: all of the group ran and awaits its COMMIT. False: nothing is open any more. */
  #execute(group: readonly Unit[]): boolean {
    const isShared = group.length > 1;
    // A savepoint costs as much as a statement: there are none until something fails, and then all run again with them.
    const isGuarded = isShared && group.some(({ guarded }) => guarded);
    for (const unit of group) {
      const outcome = runTransaction(this.#db, this.#options.path, unit.steps, { isShared, isGuarded });
      if (outcome === undefined) {
        this.#rollback();
        if (isGuarded) this.#split(group);
        else this.#guard(group);
        return false;
      }
      unit.batch.outcomes[unit.index] = outcome;
      if (!isShared && outcome.kind !== "done") {
        this.#rollback();
        this.#answer(unit);
        return false;
      }
    }
    return true;
  }

  #notCommitted(group: readonly Unit[], cause: unknown): boolean {
    if (isBusy(cause)) {
      // One time for all: those who have waited longest are late first, so that answers keep their order.
      const now = this.#options.clock.monotonic();
      const late = group.filter((unit) => this.#isLate(unit, now));
      const rest = group.filter((unit) => !late.includes(unit));
      this.#queue.unshift(...rest);
      this.#fail(late, cause);
      return rest.length === 0;
    }
    // A smaller transaction may still fit on a full disk. After an I/O error nothing is tried again.
    if (group.length > 1 && !isIoError(cause)) this.#split(group);
    else this.#fail(group, cause);
    return true;
  }

  #isLate(unit: Unit, now: number): boolean {
    return now - unit.batch.arrived >= this.#options.lockWaitMs;
  }

  #guard(group: readonly Unit[]): void {
    for (const unit of group) unit.guarded = true;
    this.#queue.unshift(...group);
  }

  #split(group: readonly Unit[]): void {
    for (const unit of group) unit.alone = true;
    this.#queue.unshift(...group);
  }

  #fail(group: readonly Unit[], cause: unknown): void {
    for (const unit of group) {
      unit.batch.outcomes[unit.index] = failedOutcome("write to", this.#options.path, cause);
      this.#answer(unit);
    }
  }

  #answer(unit: Unit): void {
    unit.batch.open -= 1;
    if (unit.batch.open === 0) unit.batch.settled(unit.batch.outcomes);
  }

  #rollback(): void {
    try {
      this.#db.run("ROLLBACK", []);
    } catch {
      // SQLite has rolled back by itself.
    }
  }

  #checkpointWhenIdle(): void {
    const seen = this.#bytesSeen + this.#bytesInLog;
    this.#cancelIdle = this.#options.clock.after(IDLE_MS, () => {
      this.#cancelIdle = undefined;
      if (this.#bytesInLog === 0) return;
      if (seen === this.#bytesSeen + this.#bytesInLog && !this.#isWaiting) this.#checkpoint();
      else this.#checkpointWhenIdle();
    });
  }

  #checkpoint(): void {
    this.#bytesSeen += this.#bytesInLog;
    this.#bytesInLog = 0;
    try {
      this.#db.get("PRAGMA wal_checkpoint(PASSIVE)", []);
    } catch {
      // The log keeps what could not be copied; a disk that is full or broken shows at the next commit.
    }
  }
}
