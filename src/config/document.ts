import type { Finding } from "./finding.ts";
import { lineOf, plainValue } from "./yaml/node.ts";
import { readPlain } from "./yaml/read-plain.ts";
import { readYaml } from "./yaml/read-yaml.ts";
import type { Dialect } from "./yaml/scalar.ts";

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

interface Chunk {
  readonly text: string;
  readonly line: number;
}

/** compat: pkg/internal/loader/disk splits at a line that begins with three dashes, before any YAML is read. */
function splitChunks(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  let line = 1;
  let start = 0;
  for (const match of text.matchAll(/\r?\n---[^\n]*(?:\n|$)/g)) {
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
  const documents: SourceDocument[] = [];
  const findings: Finding[] = [];
  for (const chunk of splitChunks(text)) {
    const refuse = (line: number, message: string) =>
      findings.push({
        severity: "error",
        file,
        line: chunk.line + line,
        path: "",
        message,
        fix: "correct the YAML, this document is left out",
      });
    let start = 0;
    try {
      const plain = readPlain(chunk.text);
      const { node, fault } = plain ? { node: plain } : await readYaml(chunk.text, dialect === "configuration");
      if (node === undefined) {
        refuse(fault.line, fault.message);
        continue;
      }
      start = node.line;
      const value = plainValue(node, dialect);
      if (value === null) continue;
      documents.push({
        file,
        line: chunk.line + node.line,
        value,
        lineOf: (path, at = "value") => chunk.line + lineOf(node, path, at),
      });
    } catch (error) {
      refuse(start, error instanceof Error ? error.message : String(error));
    }
  }
  return { documents, findings };
}
