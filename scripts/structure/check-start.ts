import type { SourceFile } from "./source-tree.ts";

/** What loads before a sidecar is ready: each of these is milliseconds and megabytes, and most sidecars never need them. */
const roots = ["src/entry/main.ts", "src/cli/commands/daprd.ts", "src/runtime/node.ts"];
const heavy =
  /^(?:@bufbuild\/|@connectrpc\/|yaml$|node:(?:net|tls|http|https|http2|dgram|child_process|worker_threads|stream)$)|^src\/gen\//;

/** Paths from the program's start to libraries that are to be loaded by `import()` when something asks for them. */
export function checkStart(files: readonly SourceFile[], from: readonly string[] = roots): string[] {
  const known = new Map(files.map((file) => [file.path, file]));
  const reachedFrom = new Map<string, string | undefined>();
  const faults: string[] = [];
  const visit = (path: string, before: string | undefined): void => {
    if (reachedFrom.has(path)) return;
    reachedFrom.set(path, before);
    for (const one of known.get(path)?.imports ?? []) {
      if (one.isType || one.isLazy) continue;
      if (!heavy.test(one.target)) visit(one.target, path);
      else faults.push(`${path} loads ${one.target} at the start (through ${before ?? "nothing"}): use import()`);
    }
  };
  for (const root of from) {
    if (!known.has(root)) faults.push(`${root} is not there`);
    visit(root, undefined);
  }
  return faults;
}
