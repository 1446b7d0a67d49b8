import type { Clock } from "../kit/clock.ts";
import type { Platform } from "../platform/types.ts";
import { FileWriter } from "./file-writer.ts";
import { LaneReceiver } from "./lane.ts";
import type { Reply, Request } from "./messages.ts";
import { encodeOutcomes, plainReply } from "./messages.ts";
import { DEFAULT_LOCK_WAIT_MS, openWriterDatabase } from "./open-database.ts";
import { storageError } from "./storage-error.ts";
import type { Transaction } from "./transaction.ts";
import { TransactionDecoder } from "./transaction-codec.ts";

/** What the writers' thread takes from its host. */
export interface WriterServerHost {
  readonly sqlite: NonNullable<Platform["sqlite"]>;
  readonly clock: Clock;
  post(reply: Reply): void;
}

interface OpenFile {
  readonly writer: FileWriter;
  readonly lane: LaneReceiver;
  readonly decoder: TransactionDecoder;
  /** Transactions too large for the lane, until it is their turn. */
  readonly large: Uint8Array[];
}

/** Serves the writers of several files in one thread; the answer takes the messages of the other side. */
export function createWriterServer(host: WriterServerHost): (request: Request) => void {
  const files = new Map<number, OpenFile>();

  async function open(request: Extract<Request, { type: "open" }>): Promise<void> {
    const { file, path, options, syncDelayMs, memory } = request;
    try {
      const db = await openWriterDatabase(host, path, options);
      const writer = new FileWriter(db, {
        path,
        clock: host.clock,
        threaded: true,
        wal: (options.journal ?? "wal") === "wal",
        lockWaitMs: options.lockWaitMs ?? DEFAULT_LOCK_WAIT_MS,
        syncDelayMs,
      });
      files.set(file, { writer, lane: new LaneReceiver(memory), decoder: new TransactionDecoder(), large: [] });
      host.post({ type: "opened", file });
    } catch (cause) {
      const { kind, message } = storageError("open", path, cause);
      host.post({ type: "opened", file, failure: { kind, message } });
    }
  }

  async function close(file: number): Promise<void> {
    const opened = files.get(file);
    files.delete(file);
    try {
      await opened?.writer.close();
    } finally {
      // Everything was answered before; a connection that does not close cleanly leaves its log to the next opener.
      host.post({ type: "closed", file });
    }
  }

  /** Takes the next transaction of the lane; undefined when there is none, or when its message has yet to come. */
  function take({ lane, decoder, large }: OpenFile): Transaction | undefined {
    const place = lane.peek();
    if (place < 0) return undefined;
    if (lane.size > 0) return decoder.decode(lane, place);
    const bytes = large.shift();
    return bytes && decoder.decode({ bytes, view: new DataView(bytes.buffer) }, 0);
  }

  /** Writes all that is in the lane, in one commit where that works. */
  function write(file: number): void {
    const opened = files.get(file);
    if (opened === undefined) return;
    const { lane, writer } = opened;
    lane.listen();
    const transactions: Transaction[] = [];
    let end = 0;
    for (let next = take(opened); next !== undefined; next = take(opened)) {
      transactions.push(next);
      end = lane.advance();
    }
    if (transactions.length === 0) return;
    writer.submit(transactions, (outcomes) => {
      lane.release(end);
      host.post(plainReply(file, outcomes) ?? { type: "written", file, outcomes: encodeOutcomes(outcomes) });
    });
  }

  return (request) => {
    if (typeof request === "number") {
      write(request);
      return;
    }
    switch (request.type) {
      case "open":
        void open(request);
        return;
      case "large":
        files.get(request.file)?.large.push(request.bytes);
        write(request.file);
        return;
      case "describe":
        host.post({ type: "described", file: request.file, description: files.get(request.file)?.writer.describe() });
        return;
      case "close":
        void close(request.file);
    }
  };
}
