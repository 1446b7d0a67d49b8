import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const folders: string[] = [];

/** A new folder, removed when the test process ends. */
export function temporaryFolder(): { readonly path: string } {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "pillion-test-")));
  if (folders.push(path) === 1)
    process.once("exit", () => {
      for (const each of folders) rmSync(each, { recursive: true, force: true });
    });
  return { path };
}
