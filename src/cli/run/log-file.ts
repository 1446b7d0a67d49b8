import type { Files } from "../../platform/types.ts";
import { CommandError } from "../command-error.ts";

/** A file that takes whole lines in order. */
export interface LogSink {
  readonly path: string;
  write(line: string): void;
  /** Resolves when everything is in the file, as far as the disk takes it. */
  flush(): Promise<void>;
}

/** Makes the file and its folder. When it has grown to `mostBytes` it begins anew, so that a long run does not fill the disk. */
export async function openRunLog(files: Files, path: string, mostBytes: number): Promise<LogSink> {
  try {
    await files.makeDirectory(path.slice(0, path.lastIndexOf("/")));
    await files.write(path, "", { append: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`failed to open log file "${path}": ${why}`, { cause });
  }
  let waiting: string[] = [];
  let size = 0;
  let writing: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const text = waiting.join("");
      waiting = [];
      const isFull = size + text.length > mostBytes;
      size = isFull ? text.length : size + text.length;
      // A full disk costs lines, never the run.
      await files
        .write(path, isFull ? `(earlier lines were dropped)\n${text}` : text, { append: !isFull })
        .catch(() => undefined);
    }
    writing = undefined;
  }
  return {
    path,
    write(line) {
      waiting.push(line);
      writing ??= drain();
    },
    flush: async () => writing,
  };
}
