import { layers, ownFolder } from "./layer-table.ts";
import { isTest, type SourceFile } from "./source-tree.ts";

/** Every import that breaks the layering rule, one sentence each. */
export function checkLayers(files: readonly SourceFile[]): string[] {
  const faults: string[] = [];
  for (const file of files) {
    if (isTest(file.path)) continue;
    const layer = layers.find((row) => row.own.test(file.path));
    if (layer === undefined) {
      faults.push(`${file.path}: belongs to no layer of scripts/structure/layer-table.ts`);
      continue;
    }
    const own = `${ownFolder(file.path)}/`;
    for (const entry of file.imports) {
      const allowed = entry.isRelative
        ? entry.target.startsWith(own) ||
          layer.may.some((pattern) => pattern.test(entry.target)) ||
          (entry.isType && layer.types?.some((pattern) => pattern.test(entry.target)) === true)
        : layer.packages.some((pattern) => pattern.test(entry.target));
      if (!allowed) faults.push(`${file.path}: layer "${layer.name}" may not import "${entry.target}"`);
    }
  }
  return faults;
}

/** Every cycle of value imports (types and lazy imports do not count), as one line of files. */
export function checkCycles(files: readonly SourceFile[]): string[] {
  const edges = new Map(
    files.map((file) => [
      file.path,
      file.imports.filter((entry) => entry.isRelative && !entry.isType && !entry.isLazy).map((entry) => entry.target),
    ]),
  );
  const faults: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): void => {
    const at = path.indexOf(name);
    if (at >= 0) {
      faults.push(`import cycle: ${[...path.slice(at), name].join(" -> ")}`);
      return;
    }
    if (done.has(name)) return;
    path.push(name);
    for (const next of edges.get(name) ?? []) visit(next);
    path.pop();
    done.add(name);
  };
  for (const name of edges.keys()) visit(name);
  return faults;
}
