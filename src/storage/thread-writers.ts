import type { Thread } from "../platform/types.ts";
import { type Reply, type Request, readPlainReply } from "./messages.ts";
import type { StorageOpen } from "./storage.ts";
import type { Post, Writer } from "./writer-link.ts";
import { WriterLink } from "./writer-link.ts";

/** Opens writers in one thread that they share. */
export interface ThreadWriters {
  /** Rejects with the StorageError of the thread. `committed` is called after each commit. */
  open(path: string, options: StorageOpen, committed: () => void): Promise<Writer>;
  /** Starts the thread and keeps it until the answer is called; calling it twice counts once. */
  hold(): () => Promise<void>;
}

/** The thread starts with the first file or hold and ends with the last one; after it died the next file starts a new one. */
export function createThreadWriters(start: () => Thread, syncDelayMs: number): ThreadWriters {
  const links = new Map<number, WriterLink>();
  let thread: Thread | undefined;
  let last = 0;
  let holds = 0;

  function running(): Thread {
    if (thread !== undefined) return thread;
    const started = start();
    started.onMessage = (message) => {
      const reply = message as Reply;
      if (typeof reply === "number") {
        const { file, count } = readPlainReply(reply);
        links.get(file)?.written(count);
      } else links.get(reply.file)?.receive(reply);
    };
    started.onError = (error) => {
      if (thread === started) thread = undefined;
      for (const [file, link] of [...links]) {
        links.delete(file);
        link.break(error);
      }
    };
    thread = started;
    return started;
  }

  async function endUnused(): Promise<void> {
    if (links.size + holds > 0 || thread === undefined) return;
    const ended = thread;
    thread = undefined;
    await ended.terminate();
  }

  async function release(file: number): Promise<void> {
    links.delete(file);
    await endUnused();
  }

  return {
    hold() {
      running();
      holds += 1;
      let isHeld = true;
      return async () => {
        if (!isHeld) return;
        isHeld = false;
        holds -= 1;
        await endUnused();
      };
    },
    async open(path, options, committed) {
      const file = ++last;
      const host = running();
      const post: Post = (request: Request, transfer) => host.post(request, transfer);
      const link = new WriterLink(file, path, post, committed);
      links.set(file, link);
      try {
        await link.open(options, syncDelayMs);
      } catch (error) {
        await release(file);
        throw error;
      }
      return {
        write: (steps) => link.write(steps),
        describe: () => link.describe(),
        async close() {
          await link.close();
          await release(file);
        },
      };
    },
  };
}
