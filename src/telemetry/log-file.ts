import type { Files } from "../platform/types.ts";

/** A file that log lines are appended to, in order. */
export interface LogFile {
  readonly write: (line: string) => void;
  /** Resolves when all lines given so far are in the file; rejects when the file cannot be written. */
  flush(): Promise<void>;
}

/** Opens (and makes) the file at `path`; rejects when that fails. Lines that come together are written together. */
export async function openLogFile(files: Files, path: string): Promise<LogFile> {
  try {
    await files.write(path, "", { append: true, mode: 0o644 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`failed to open log file "${path}": ${why}`, { cause });
  }
  let waiting: string[] = [];
  let writing: Promise<void> | undefined;

  async function drain(): Promise<void> {
    try {
      while (waiting.length > 0) {
        const lines = waiting.join("");
        waiting = [];
        await files.write(path, lines, { append: true });
      }
    } finally {
      writing = undefined;
    }
  }
  return {
    write(line) {
      waiting.push(line);
      if (writing !== undefined) return;
      writing = drain();
      writing.catch(() => {});
    },
    flush: () => writing ?? drain(),
  };
}
