import { writeSync } from "node:fs";

/** Text that waits for a reader who does not read; beyond it lines are dropped and counted. */
const mostWaiting = 16 * 1024 * 1024;
const retryMs = 10;
/** How long `flush` insists when nobody reads. */
const flushMs = 500;

export interface LineOutput {
  write(text: string): void;
  /** Writes what waits before the process ends. */
  flush(): void;
}

/**
 * Ordered output to a file descriptor: what one turn of the event loop writes goes out in one system call. A pipe that is full and
 * does not block is tried again later; when the reader is gone the text is dropped.
 */
export function createLineOutput(fd: number): LineOutput {
  let waiting: string[] = [];
  let waitingLength = 0;
  let rest: Uint8Array | null = null;
  let dropped = 0;
  let scheduled = false;

  /** False: the descriptor takes no more for now. */
  function drain(): boolean {
    if (rest === null) {
      if (waiting.length === 0) return true;
      if (dropped > 0) waiting.push(`(${dropped} writes dropped because nobody read them)\n`);
      dropped = 0;
      rest = Buffer.from(waiting.length === 1 ? (waiting[0] as string) : waiting.join(""), "utf8");
      waiting = [];
      waitingLength = 0;
    }
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return false;
    }
    rest = null;
    return waiting.length === 0 ? true : drain();
  }
  function later(): void {
    scheduled = false;
    if (drain() || scheduled) return;
    scheduled = true;
    setTimeout(later, retryMs);
  }

  return {
    write(text) {
      if (waitingLength > mostWaiting) {
        dropped += 1;
        return;
      }
      waiting.push(text);
      waitingLength += text.length;
      if (scheduled) return;
      scheduled = true;
      setImmediate(later);
    },
    flush() {
      const end = performance.now() + flushMs;
      while (!drain() && performance.now() < end) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    },
  };
}
