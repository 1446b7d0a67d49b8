import type { SourceDocument } from "../document.ts";
import { type Finding, formatPath, type Severity } from "../finding.ts";

type Path = readonly (string | number)[];
/** Notes a finding about a place in one document. */
export type Find = (severity: Severity, path: Path, message: string, fix: string) => void;

/** A `Find` for a document that puts what it is told on a list. */
export function createFinder(document: SourceDocument, findings: Finding[]): Find {
  return (severity, path, message, fix) => {
    findings.push({ severity, file: document.file, line: document.lineOf(path), path: formatPath(path), message, fix });
  };
}
