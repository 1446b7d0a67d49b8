import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryFolder } from "./temporary-folder.ts";

/** A file system in memory that a test has to itself. */
export interface MemoryDisk {
  readonly path: string;
  remountReadOnly(): void;
  unmount(): void;
}

/** Mounts one, of so many bytes as `size` says (`8m`). Skips the test and answers undefined where nobody may mount. */
export function mountMemoryDisk(context: Pick<TestContext, "skip">, size: string): MemoryDisk | undefined {
  const path = join(temporaryFolder().path, "disk");
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path], { stdio: "ignore" });
  } catch {
    context.skip("mounting a file system needs more rights");
    return undefined;
  }
  return {
    path,
    remountReadOnly: () => void execFileSync("mount", ["-o", "remount,ro", path]),
    unmount: () => void execFileSync("umount", ["-l", path]),
  };
}
