import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { root, run, tool } from "./shell.ts";

/** Largest bundle of the workers entry, in bytes after gzip. */
export const workersLimit = 250_000;

export interface WorkersBundle {
  readonly path: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

/** Bundles the workers entry into one module. Throws when it is larger than the limit. */
export async function buildWorkers(outfile: string): Promise<WorkersBundle> {
  mkdirSync(dirname(outfile), { recursive: true });
  const conditions = ["workerd", "worker"].map((name) => `--conditions=${name}`);
  const args = ["build", "--target=browser", "--format=esm", "--minify", ...conditions, `--outfile=${outfile}`];
  const result = await run(tool("bun"), [...args, "src/entry/workers.ts"], { quiet: true });
  if (result.code !== 0) throw new Error(`could not bundle "${outfile}":\n${result.output}`);
  const module = readFileSync(outfile);
  const gzipBytes = gzipSync(module, { level: 9 }).length;
  if (gzipBytes > workersLimit)
    throw new Error(`"${outfile}" has ${gzipBytes} bytes after gzip, at most ${workersLimit}: find out what came in`);
  return { path: outfile, bytes: module.length, gzipBytes };
}

if (import.meta.main) {
  const { path, bytes, gzipBytes } = await buildWorkers(join(root, "dist", "worker.js"));
  const kilobytes = (count: number): string => (count / 1000).toFixed(1);
  console.log(`${path}  ${kilobytes(bytes)} KB, ${kilobytes(gzipBytes)} KB after gzip (limit ${workersLimit / 1000})`);
}
