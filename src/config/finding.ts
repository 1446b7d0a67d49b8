/**
 * How bad a finding is: an `error` cost the document (it was left out) or the start, a `warning` is likely a mistake,
 * a `note` only says what was passed over.
 */
export type Severity = "error" | "warning" | "note";

/** Something to say about a file of resources. `line` counts from 1; 0 means the file as a whole. */
export interface Finding {
  readonly severity: Severity;
  readonly file: string;
  readonly line: number;
  /** Place in the document, for example `spec.metadata[2].value`; empty for the document as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to do about it; empty when there is nothing to do. */
  readonly fix: string;
}

/** One line: `components.yaml:14 spec.metadata[2].value: must be text; write it in quotes`. */
export function formatFinding(finding: Finding): string {
  const place = finding.line > 0 ? `${finding.file}:${finding.line}` : finding.file;
  const path = finding.path === "" ? "" : ` ${finding.path}`;
  const fix = finding.fix === "" ? "" : `; ${finding.fix}`;
  return `${place}${path}: ${finding.message}${fix}`;
}

/** A path of keys and indexes in the way people write it. */
export function formatPath(path: readonly (string | number)[]): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (/^[\w$-]+$/.test(key)) text += text === "" ? key : `.${key}`;
    else text += `[${JSON.stringify(key)}]`;
  }
  return text;
}
