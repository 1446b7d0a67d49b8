import * as v from "valibot";
import { suggest } from "../kit/suggest.ts";
import { alignFields } from "./align.ts";
import type { SourceDocument } from "./document.ts";
import { type Finding, formatPath } from "./finding.ts";
import { fault, splitFault } from "./schema-field.ts";

/** A decoded document, or null when it does not fit; the findings say why and name unknown fields. */
export interface DecodedDocument<T> {
  readonly value: T | null;
  readonly findings: readonly Finding[];
}

function unknownField(document: SourceDocument, path: readonly (string | number)[], known: readonly string[]): Finding {
  const name = String(path.at(-1));
  const near = suggest(name, known);
  return {
    severity: "warning",
    file: document.file,
    line: document.lineOf(path, "key"),
    path: formatPath(path),
    message: `unknown field ${JSON.stringify(name)}`,
    fix: near === undefined ? `known here: ${known.join(", ")}` : `did you mean ${JSON.stringify(near)}?`,
  };
}

/** The schema's own words; where it has none, ours for blocks and lists. */
function wording(issue: v.BaseIssue<unknown>): string {
  if (!issue.message.startsWith("Invalid type")) return issue.message;
  if (issue.expected === "Array") return fault("a list", 'write its entries behind "- "')(issue);
  if (issue.expected !== "Object") return issue.message;
  return fault("a block of fields", 'write "name: value" on lines of their own')(issue);
}

/** Reads a document by its schema, with file, line and path in every finding. */
export function decodeDocument<S extends v.GenericSchema>(
  schema: S,
  document: SourceDocument,
  anyCase: boolean,
): DecodedDocument<v.InferOutput<S>> {
  const findings: Finding[] = [];
  const aligned = alignFields(schema, document.value, anyCase, ({ path, known }) => {
    findings.push(unknownField(document, path, known));
  });
  const parsed = v.safeParse(schema, aligned);
  if (parsed.success) return { value: parsed.output, findings };
  for (const issue of parsed.issues) {
    const path = (issue.path ?? []).map((step) => (typeof step.key === "number" ? step.key : String(step.key)));
    findings.push({
      severity: "error",
      file: document.file,
      line: document.lineOf(path),
      path: formatPath(path),
      ...splitFault(wording(issue)),
    });
  }
  return { value: null, findings };
}
