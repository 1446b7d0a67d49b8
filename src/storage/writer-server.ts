import type { Clock } from "../kit/clock.ts";
import type { Platform } from "../platform/types.ts";
import { FileWriter } from "./file-writer.ts";
import type { Reply, Request } from "./messages.ts";
import { BatchDecoder, encodeOutcomes } from "./messages.ts";
import { DEFAULT_LOCK_WAIT_MS, openWriterDatabase } from "./open-database.ts";
import { storageError } from "./storage-error.ts";

/** What the writers' thread takes from its host. */
export interface WriterServerHost {
  readonly sqlite: NonNullable<Platform["sqlite"]>;
  readonly clock: Clock;
  post(reply: Reply): void;
}

interface OpenFile {
  readonly writer: FileWriter;
  readonly decoder: BatchDecoder;
}

/** Serves the writers of several files in one thread; the answer takes the messages of the other side. */
export function createWriterServer(host: WriterServerHost): (request: Request) => void {
  const files = new Map<number, OpenFile>();

  async function open(request: Extract<Request, { type: "open" }>): Promise<void> {
    const { file, path, options, syncDelayMs } = request;
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
      files.set(file, { writer, decoder: new BatchDecoder() });
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

  function write(request: Extract<Request, { type: "write" }>): void {
    const { file, batch, steps, blob, texts } = request;
    const opened = files.get(file);
    if (opened === undefined) return;
    const started = host.clock.monotonic();
    opened.writer.submit(opened.decoder.decode(steps, blob, texts), (outcomes) => {
      const tookMs = host.clock.monotonic() - started;
      host.post({ type: "written", file, batch, tookMs, outcomes: encodeOutcomes(outcomes) });
    });
  }

  return (request) => {
    switch (request.type) {
      case "open":
        void open(request);
        return;
      case "write":
        write(request);
        return;
      case "describe":
        host.post({ type: "described", file: request.file, description: files.get(request.file)?.writer.describe() });
        return;
      case "close":
        void close(request.file);
    }
  };
}
