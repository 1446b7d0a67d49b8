import { absolutePath } from "../config/paths.ts";
import type { Files } from "../platform/types.ts";
import type { Shared } from "./shared.ts";

/**
 * The same node, seen from a working folder of its own: relative paths of files and databases are taken from there, because the
 * process has one folder and its sidecars may have one each.
 */
export function inDirectory(shared: Shared, directory: string): Shared {
  const { platform, storages } = shared;
  const at = (path: string): string => absolutePath(directory, path);
  const isMemory = (path: string): boolean => path === "" || path.startsWith(":memory:");
  return {
    ...shared,
    platform: { ...platform, ...(platform.files !== undefined && { files: filesIn(platform.files, at) }) },
    storages: { ...storages, open: (path, options) => storages.open(isMemory(path) ? path : at(path), options) },
  };
}

function filesIn(files: Files, at: (path: string) => string): Files {
  return {
    readText: (path) => files.readText(at(path)),
    readBytes: (path, from) => files.readBytes(at(path), from),
    write: (path, data, options) => files.write(at(path), data, options),
    replace: (path, data, mode) => files.replace(at(path), data, mode),
    list: (path) => files.list(at(path)),
    stat: (path) => files.stat(at(path)),
    makeDirectory: (path, mode) => files.makeDirectory(at(path), mode),
    remove: (path) => files.remove(at(path)),
    realPath: (path) => files.realPath(at(path)),
    readLink: (path) => files.readLink(at(path)),
    watch: (path, changed) => files.watch(at(path), changed),
  };
}
