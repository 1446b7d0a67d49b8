import { type Dialect, resolvePlain } from "./scalar.ts";

/** A value of a YAML document as it is written. Lines count from 0. */
export type YamlNode = YamlScalar | YamlList | YamlMap;

/** `plain` text is a word that may stand for a number, a flag or nothing; other text is text. */
export interface YamlScalar {
  readonly kind: "scalar";
  readonly text: string;
  readonly plain: boolean;
  readonly line: number;
}
export interface YamlList {
  readonly kind: "list";
  readonly items: YamlNode[];
  readonly line: number;
}
export interface YamlMap {
  readonly kind: "map";
  readonly pairs: { readonly key: YamlNode; readonly value: YamlNode }[];
  readonly line: number;
}

// compat: a reference that blows up a document is refused, as Go's reader does.
const maxNodes = 200_000;

function mergeInto(target: Map<string, unknown>, value: unknown): void {
  const sources = Array.isArray(value) ? value : [value];
  for (const source of sources) {
    if (typeof source !== "object" || source === null) continue;
    for (const [key, inner] of Object.entries(source)) if (!target.has(key)) target.set(key, inner);
  }
}

/** The plain value that a node stands for; merge keys are followed. Throws when references make it too large. */
export function plainValue(root: YamlNode, dialect: Dialect): unknown {
  let nodes = 0;
  const read = (node: YamlNode): unknown => {
    nodes += 1;
    if (nodes > maxNodes) throw new Error("the document is too large once its references are followed");
    if (node.kind === "scalar") return node.plain ? resolvePlain(node.text, dialect) : node.text;
    if (node.kind === "list") return node.items.map(read);
    const entries = new Map<string, unknown>();
    const merges: unknown[] = [];
    for (const { key, value } of node.pairs) {
      const name = String(read(key));
      if (name === "<<" && key.kind === "scalar" && key.plain) merges.push(read(value));
      else entries.set(name, read(value));
    }
    for (const merge of merges) mergeInto(entries, merge);
    return Object.fromEntries(entries);
  };
  return read(root);
}

/** Line of the value at the path, or of the nearest thing around it that exists. Keys are found in any letter case. */
export function lineOf(root: YamlNode, path: readonly (string | number)[], at: "key" | "value"): number {
  let node: YamlNode | undefined = root;
  let line = root.line;
  for (const [index, step] of path.entries()) {
    let next: YamlNode | undefined;
    if (node?.kind === "list" && typeof step === "number") {
      next = node.items[step];
      line = next?.line ?? line;
    } else if (node?.kind === "map") {
      const wanted = String(step).toLowerCase();
      const pair = node.pairs.find(({ key }) => key.kind === "scalar" && key.text.toLowerCase() === wanted);
      next = pair?.value;
      const shown = index === path.length - 1 && at === "value" && next?.kind === "scalar" ? next : pair?.key;
      line = shown?.line ?? line;
    }
    node = next;
  }
  return line;
}
