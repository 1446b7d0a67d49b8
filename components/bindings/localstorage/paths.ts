import { DriverError } from "../../../src/driver/errors.ts";
import type { Files } from "../../../src/platform/types.ts";

const mostLinks = 255;
const disallowed: readonly string[] = ["/proc", "/sys", "/boot", "/var/run/secrets"];

const cleaned = (parts: readonly string[]): string[] => {
  const kept: string[] = [];
  for (const part of parts) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  return kept;
};

/** An absolute path without `.`, `..` and doubled slashes. */
function clean(path: string): string {
  return `/${cleaned(path.split("/")).join("/")}`;
}

/**
 * The folder that a component names, absolute and with its links resolved. Throws a DriverError when it is a file or where no
 * data may be kept.
 */
export async function resolveRoot(files: Files, given: string, cwd: string): Promise<string> {
  if (given === "") throw new DriverError("badMetadata", "property rootPath must not be empty");
  const wanted = clean(given.startsWith("/") ? given : `${cwd}/${given}`);
  const parts = wanted.split("/").slice(1);
  let existing = parts.length;
  let base = "/";
  for (; existing > 0; existing--) {
    const path = `/${parts.slice(0, existing).join("/")}`;
    const found = await files.stat(path);
    if (found === null) continue;
    if (found.kind !== "directory")
      throw new DriverError("badMetadata", "property rootPath represents a file and not a directory");
    base = await files.realPath(path);
    break;
  }
  const root = clean(`${base}/${parts.slice(existing).join("/")}`);
  if (disallowed.some((path) => root === path || root.startsWith(`${path}/`)))
    throw new DriverError("badMetadata", "property rootPath points to a disallowed location");
  return root;
}

/** Where a file of the caller's choice lies: `..` and links, also absolute ones, end at the root. Relative to it. */
export async function withinRoot(files: Files, root: string, name: string): Promise<string> {
  const open = name.split("/");
  let at: string[] = [];
  let links = 0;
  while (open.length > 0) {
    const part = open.shift()!;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at.pop();
      continue;
    }
    const link = await files.readLink(`${root}/${[...at, part].join("/")}`).catch(() => undefined);
    if (link === undefined) {
      at.push(part);
      continue;
    }
    if (++links > mostLinks) throw new DriverError("badRequest", `too many links in the path of file ${name}`);
    if (link.startsWith("/")) at = [];
    open.unshift(...link.split("/"));
  }
  return at.join("/");
}
