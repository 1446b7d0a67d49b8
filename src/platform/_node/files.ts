import { constants, type Dirent, type Stats, watch } from "node:fs";
import { mkdir, open, readdir, readFile, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Files } from "../types.ts";

/** Changes that come in a burst (an editor's save, a mounted config map) are told once, this long after the last. */
const settleMs = 20;

const kindOf = (entry: Dirent | Stats) => (entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other");

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function readFrom(path: string, from: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY);
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.max(0, size - from));
    const { bytesRead } = buffer.length === 0 ? { bytesRead: 0 } : await file.read(buffer, 0, buffer.length, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The host's file system. Errors are the runtime's own, with `code` such as ENOENT. */
export function createFiles(): Files {
  let temporary = 0;
  return {
    readText: (path) => readFile(path, "utf8"),
    async readBytes(path, from = 0) {
      const buffer = from === 0 ? await readFile(path) : await readFrom(path, from);
      return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    },
    write: (path, data, options) => writeFile(path, data, { mode: options?.mode, flag: options?.append ? "a" : "w" }),
    async replace(path, data, mode) {
      temporary += 1;
      const draft = `${path}.${process.pid}.${temporary}.tmp`;
      try {
        const file = await open(draft, "wx", mode);
        try {
          await file.writeFile(data);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(draft, path);
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
      // portable: Windows cannot open a directory to sync it
      if (process.platform !== "win32") await syncDirectory(dirname(path));
    },
    async list(path) {
      const entries = await readdir(path, { withFileTypes: true });
      const listed = await Promise.all(
        entries.map(async (entry) => {
          if (!entry.isSymbolicLink()) return { name: entry.name, kind: kindOf(entry) } as const;
          const target = await stat(`${path}/${entry.name}`).catch(() => null);
          return { name: entry.name, kind: target === null ? "other" : kindOf(target) } as const;
        }),
      );
      return listed.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    },
    async stat(path) {
      try {
        const found = await stat(path);
        return { kind: kindOf(found), size: found.size, mtimeMs: found.mtimeMs };
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === "ENOENT" || code === "ENOTDIR") return null;
        throw error;
      }
    },
    async makeDirectory(path, mode) {
      await mkdir(path, { recursive: true, mode });
    },
    remove: (path) => rm(path, { recursive: true, force: true }),
    realPath: (path) => realpath(path),
    readLink: (path) => readlink(path),
    watch(path, changed) {
      let settle: ReturnType<typeof setTimeout> | undefined;
      const watcher = watch(path, { persistent: false }, () => {
        clearTimeout(settle);
        settle = setTimeout(changed, settleMs);
      });
      watcher.on("error", () => changed());
      return () => {
        clearTimeout(settle);
        watcher.close();
      };
    },
  };
}
