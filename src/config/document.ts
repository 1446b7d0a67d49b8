import type * as Yaml from "yaml";
import type { Finding } from "./finding.ts";
import { indentQuoted } from "./indent-quoted.ts";
import { type Dialect, resolvePlain } from "./scalar.ts";

/** A YAML document as plain values, which still knows where each of them stands. */
export interface SourceDocument {
  readonly file: string;
  /** Line on which its first content stands. */
  readonly line: number;
  readonly value: unknown;
  /** Line of the value at the path, or of the nearest thing around it that exists. Keys are found in any letter case. */
  lineOf(path: readonly (string | number)[], at?: "key" | "value"): number;
}
export interface ReadDocuments {
  readonly documents: readonly SourceDocument[];
  /** Documents that are no YAML. */
  readonly findings: readonly Finding[];
}

// compat: a reference that blows up a document is refused, as Go's reader does.
const maxNodes = 200_000;

interface Reader {
  readonly yaml: typeof Yaml;
  readonly document: Yaml.Document;
  readonly dialect: Dialect;
  nodes: number;
}

function readScalar(reader: Reader, node: Yaml.Scalar): unknown {
  const text = typeof node.value === "string" ? node.value : String(node.value ?? "");
  const tag = node.tag?.replace("tag:yaml.org,2002:", "");
  if (tag === "str" || (tag === undefined && node.type !== "PLAIN")) return text;
  if (tag === undefined || ["int", "float", "bool", "null"].includes(tag)) return resolvePlain(text, reader.dialect);
  return text;
}

function mergeInto(target: Map<string, unknown>, value: unknown): void {
  const sources = Array.isArray(value) ? value : [value];
  for (const source of sources) {
    if (typeof source !== "object" || source === null) continue;
    for (const [key, inner] of Object.entries(source)) if (!target.has(key)) target.set(key, inner);
  }
}

function readNode(reader: Reader, node: unknown): unknown {
  reader.nodes += 1;
  if (reader.nodes > maxNodes) throw new Error("the document is too large once its references are followed");
  const { yaml } = reader;
  if (yaml.isAlias(node)) {
    const target = node.resolve(reader.document);
    if (target === undefined) throw new Error(`unknown anchor '${node.source}' referenced`);
    return readNode(reader, target);
  }
  if (yaml.isScalar(node)) return readScalar(reader, node);
  if (yaml.isSeq(node)) return node.items.map((item) => readNode(reader, item));
  if (!yaml.isMap(node)) return null;
  const entries = new Map<string, unknown>();
  const merges: unknown[] = [];
  for (const pair of node.items) {
    const key = String(readNode(reader, pair.key));
    if (key === "<<" && yaml.isScalar(pair.key) && pair.key.type === "PLAIN") merges.push(readNode(reader, pair.value));
    else entries.set(key, readNode(reader, pair.value));
  }
  for (const merge of merges) mergeInto(entries, merge);
  return Object.fromEntries(entries);
}

function locate(reader: Reader, path: readonly (string | number)[], at: "key" | "value"): number | undefined {
  const { yaml } = reader;
  let node: unknown = reader.document.contents;
  let offset: number | undefined;
  path.forEach((step, index) => {
    if (yaml.isAlias(node)) node = node.resolve(reader.document);
    let next: unknown;
    if (yaml.isSeq(node) && typeof step === "number") {
      next = node.items[step];
      if (yaml.isNode(next)) offset = next.range?.[0] ?? offset;
    } else if (yaml.isMap(node)) {
      const wanted = String(step).toLowerCase();
      const pair = node.items.find(
        (item) => yaml.isScalar(item.key) && String(item.key.value).toLowerCase() === wanted,
      );
      next = pair?.value;
      const shown = index === path.length - 1 && at === "value" && yaml.isScalar(next) ? next : pair?.key;
      if (yaml.isNode(shown)) offset = shown.range?.[0] ?? offset;
    }
    node = next;
  });
  return offset;
}

interface Chunk {
  readonly text: string;
  readonly line: number;
}

/** compat: pkg/internal/loader/disk splits at a line that begins with three dashes, before any YAML is read. */
function splitChunks(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  let line = 1;
  let start = 0;
  for (const match of text.matchAll(/\n---[^\n]*(?:\n|$)/g)) {
    const chunk = text.slice(start, match.index);
    chunks.push({ text: chunk, line });
    start = match.index + match[0].length;
    line += chunk.split("\n").length + (match[0].endsWith("\n") ? 1 : 0);
  }
  chunks.push({ text: text.slice(start), line });
  return chunks;
}

/** Reads all documents of a file. Empty documents are left out; those that are no YAML become findings. */
export async function readDocuments(file: string, text: string, dialect: Dialect): Promise<ReadDocuments> {
  const yaml = await import("yaml");
  const documents: SourceDocument[] = [];
  const findings: Finding[] = [];
  for (const chunk of splitChunks(text)) {
    let counter = new yaml.LineCounter();
    const parse = (source: string) =>
      yaml.parseDocument(source, {
        schema: "failsafe",
        prettyErrors: false,
        lineCounter: counter,
        uniqueKeys: dialect === "configuration",
        logLevel: "silent",
      });
    let document = parse(chunk.text);
    for (let source: string | undefined = chunk.text; ; document = parse(source)) {
      const [first] = document.errors;
      const quote = /^Missing closing (['"])quote/.exec(first?.message ?? "")?.[1];
      source = first && quote && indentQuoted(source, quote, first.pos[0]);
      if (source === undefined || source === "") break;
      counter = new yaml.LineCounter();
    }
    const lineAt = (offset: number) => chunk.line + Math.max(0, counter.linePos(offset).line - 1);
    const [fault] = document.errors;
    const refuse = (line: number, message: string) =>
      findings.push({
        severity: "error",
        file,
        line,
        path: "",
        message,
        fix: "correct the YAML, this document is left out",
      });
    if (fault) {
      refuse(lineAt(fault.pos[0]), fault.message);
      continue;
    }
    const reader: Reader = { yaml, document, dialect, nodes: 0 };
    const start = document.contents?.range?.[0] ?? 0;
    try {
      const value = readNode(reader, document.contents);
      if (value === null) continue;
      documents.push({
        file,
        line: lineAt(start),
        value,
        lineOf: (path, at = "value") => lineAt(locate(reader, path, at) ?? start),
      });
    } catch (error) {
      refuse(lineAt(start), error instanceof Error ? error.message : String(error));
    }
  }
  return { documents, findings };
}
