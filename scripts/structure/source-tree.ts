import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

/** One import or re-export of a file. */
export interface Import {
  /** Path from the repository root for relative imports, the bare specifier otherwise. */
  readonly target: string;
  readonly isRelative: boolean;
  /** Only types are taken; nothing is loaded at run time. */
  readonly isType: boolean;
  /** Loaded by `import()` when needed. */
  readonly isLazy: boolean;
}
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly Import[];
}

const statement =
  /(?:^|\n)\s*(import|export)\s+(type\s+)?(?:([^;'"]*?)\s*from\s*)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;

function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(statement)) {
    const specifier = match[4] ?? match[5];
    if (specifier === undefined) continue;
    const isRelative = specifier.startsWith(".");
    const clause = match[3]?.trim() ?? "";
    const onlyTypes =
      match[2] !== undefined ||
      (clause.startsWith("{") &&
        clause
          .slice(1, -1)
          .split(",")
          .map((name) => name.trim())
          .filter((name) => name !== "")
          .every((name) => name.startsWith("type ")));
    found.push({
      target: isRelative ? normalize(join(dirname(path), specifier)) : specifier,
      isRelative,
      isType: onlyTypes,
      isLazy: match[5] !== undefined,
    });
  }
  return found;
}

/** Reads every TypeScript file below the folders, generated code included, with its imports. */
export function readSourceTree(root: string, folders: readonly string[]): SourceFile[] {
  const files: SourceFile[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.name.endsWith(".ts") || entry.name.endsWith(".tsx")) {
        const text = readFileSync(path, "utf8");
        const name = relative(root, path);
        files.push({ path: name, text, lines: text.split("\n").length - 1, imports: importsOf(name, text) });
      }
    }
  };
  for (const folder of folders) {
    try {
      visit(join(root, folder));
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") throw error;
    }
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Test files live beside their sources and may import anything. */
export function isTest(path: string): boolean {
  return path.endsWith(".test.ts");
}
