import type { Files } from "../platform/types.ts";
import { readDocuments, type SourceDocument } from "./document.ts";
import type { Finding } from "./finding.ts";
import { ResourceError } from "./resource-error.ts";

export interface ReadManifests {
  /** In the order of folders, file names and documents. */
  readonly documents: readonly SourceDocument[];
  readonly findings: readonly Finding[];
}

function isYaml(name: string): boolean {
  return /\.ya?ml$/i.test(name);
}

function join(folder: string, name: string): string {
  return folder.endsWith("/") ? `${folder}${name}` : `${folder}/${name}`;
}

function missing(path: string, why: string): ResourceError {
  const finding: Finding = {
    severity: "error",
    file: path,
    line: 0,
    path: "",
    message: why,
    fix: "give an existing folder to --resources-path",
  };
  return new ResourceError("components", `open ${path}: ${why}`, [finding], { isFolderMissing: true });
}

interface Listed {
  readonly paths: readonly string[];
  readonly findings: readonly Finding[];
}

async function listFolder(files: Files, folder: string): Promise<Listed> {
  const kind = (await files.stat(folder))?.kind;
  if (kind === undefined) throw missing(folder, "no such file or directory");
  if (kind !== "directory") throw missing(folder, "not a directory");
  const entries = [...(await files.list(folder))].sort((a, b) => (a.name < b.name ? -1 : 1));
  const paths: string[] = [];
  const findings: Finding[] = [];
  for (const entry of entries) {
    if (entry.kind === "directory") continue;
    const path = join(folder, entry.name);
    if (isYaml(entry.name)) paths.push(path);
    else
      findings.push({
        severity: "note",
        file: path,
        line: 0,
        path: "",
        message: "is no YAML file and is not loaded",
        fix: "",
      });
  }
  return { paths, findings };
}

async function readText(files: Files, path: string): Promise<string | Error | null> {
  try {
    return await files.readText(path);
  } catch (error) {
    // A file that went away between listing and reading is none; the next change brings the truth.
    if ((await files.stat(path)) === null) return null;
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Reads one file of resources. */
export async function readManifestFile(files: Files, path: string): Promise<ReadManifests> {
  const text = await readText(files, path);
  if (text === null) return { documents: [], findings: [] };
  if (text instanceof Error) {
    const message = `cannot be read: ${text.message}`;
    return {
      documents: [],
      findings: [{ severity: "error", file: path, line: 0, path: "", message, fix: "make it readable" }],
    };
  }
  return readDocuments(path, text, "resource");
}

/** Reads every YAML file that stands directly in the folders. Throws ResourceError for a folder that is not there. */
export async function readManifests(files: Files, folders: readonly string[]): Promise<ReadManifests> {
  const listed: Listed[] = [];
  for (const folder of folders) listed.push(await listFolder(files, folder));
  const read = await Promise.all(listed.flatMap(({ paths }) => paths).map((path) => readManifestFile(files, path)));
  return {
    documents: read.flatMap((one) => one.documents),
    findings: [...listed, ...read].flatMap((one) => one.findings),
  };
}
