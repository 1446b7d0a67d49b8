import type { BindingAnswer, BindingRequest } from "../../../src/driver/bindings.ts";
import type { DriverContext } from "../../../src/driver/context.ts";
import { defineBinding } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { decodeBase64 } from "../../../src/kit/base64.ts";
import { decodeUtf8, encodeUtf8 } from "../../../src/kit/bytes.ts";
import { encodeGoJson } from "../../../src/kit/go-json.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import type { Files } from "../../../src/platform/types.ts";
import { goUnquote } from "./go-unquote.ts";
import { resolveRoot, withinRoot } from "./paths.ts";

const answer = (data: Uint8Array): BindingAnswer => ({ data, metadata: {} });
const jsonAnswer = (value: unknown): BindingAnswer => answer(encodeUtf8(encodeGoJson(value)));

/** Runs a step on the disk; what goes wrong names the step. */
async function attempt<T>(what: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    if (DriverError.is(cause)) throw cause;
    throw new DriverError("failed", `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** compat: data that happens to be a Go literal, and then base64, is stored decoded. */
function decodeData(data: Uint8Array): Uint8Array {
  const bytes = goUnquote(decodeUtf8(data)) ?? data;
  try {
    return decodeBase64(decodeUtf8(bytes));
  } catch {
    return bytes;
  }
}

/** All files below a folder in the order of their names; links count as files, wherever they lead. */
async function walk(files: Files, folder: string, found: string[]): Promise<void> {
  for (const { name, kind } of await files.list(folder)) {
    const path = `${folder}/${name}`;
    const isLink = kind === "directory" && (await files.readLink(path).catch(() => undefined)) !== undefined;
    if (kind === "directory" && !isLink) await walk(files, path, found);
    else found.push(path);
  }
}

async function openStorage(rootPath: string, { platform, random, log }: DriverContext) {
  const { files } = platform;
  if (files === undefined) throw new DriverError("unsupported", "bindings.localstorage needs a host with files");
  const root = await attempt("failed to parse metadata: error getting stat for rootPath", () =>
    resolveRoot(files, rootPath, platform.process?.cwd() ?? "/"),
  );
  await attempt(`unable to create directory specified by 'rootPath' ${root}`, () => files.makeDirectory(root, 0o777));

  async function create(path: string, relative: string, data: Uint8Array): Promise<BindingAnswer> {
    const folder = path.slice(0, path.lastIndexOf("/"));
    await attempt(`error creating directory ${folder}`, () => files!.makeDirectory(folder, 0o777));
    const bytes = decodeData(data);
    await attempt(`error creating file ${path}`, () => files!.write(path, bytes, { mode: 0o666 }));
    log.debug(`wrote file: ${path}. numBytes: ${bytes.length}`);
    return jsonAnswer({ fileName: relative });
  }
  async function get(path: string): Promise<BindingAnswer> {
    const stat = await attempt(`error opening path ${path}`, () => files!.stat(path));
    if (stat === null) throw new DriverError("notFound", `file not found: ${path}`);
    if (stat.kind === "directory")
      throw new DriverError("failed", `error reading file ${path}: read ${path}: is a directory`);
    return answer(await attempt(`error reading file ${path}`, () => files!.readBytes(path)));
  }
  async function list(path: string): Promise<BindingAnswer> {
    const stat = await attempt(`error getting stats for path ${path}`, () => files!.stat(path));
    if (stat === null)
      throw new DriverError(
        "notFound",
        `error getting stats for path ${path}: stat ${path}: no such file or directory`,
      );
    if (stat.kind !== "directory")
      throw new DriverError("badRequest", `unable to list files as the file specified is not a directory: ${path}`);
    const found: string[] = [];
    await attempt(`error listing files in the directory ${path}`, () => walk(files!, path, found));
    // compat: nothing is null, not an empty list
    return jsonAnswer(found.length === 0 ? null : found);
  }
  async function remove(path: string): Promise<null> {
    const what = `error deleting file ${path}: remove ${path}`;
    const stat = await attempt(what, () => files!.stat(path));
    if (stat === null) throw new DriverError("notFound", `${what}: no such file or directory`);
    const isFull = stat.kind === "directory" && (await attempt(what, () => files!.list(path))).length > 0;
    if (isFull) throw new DriverError("badRequest", `${what}: directory not empty`);
    await attempt(what, () => files!.remove(path));
    return null;
  }

  return async ({ operation, data, metadata }: BindingRequest): Promise<BindingAnswer | null> => {
    const given = metadata["fileName"] ?? "";
    const name = given === "" && operation === "create" ? random.uuid() : given;
    const inside = await attempt(`error getting absolute path for file ${name}`, () => withinRoot(files, root, name));
    const path = inside === "" ? root : `${root === "/" ? "" : root}/${inside}`;
    if (operation === "create") return create(path, inside === "" ? "." : inside, data);
    if (operation === "get") return get(path);
    if (operation === "list") return list(path);
    if (operation === "delete") return remove(path);
    throw new DriverError("unsupported", `unsupported operation ${operation}`);
  };
}

export default defineBinding({
  type: "bindings.localstorage",
  versions: ["v1"],
  status: "stable",
  summary: "Output: files in a folder of this host",
  directions: ["output"],
  needs: ["files"],
  metadata: {
    rootPath: m.text().required("property rootPath must not be empty").help("Folder that holds the files"),
  },
  async open({ rootPath }, context) {
    return {
      operations: ["create", "get", "list", "delete"],
      invoke: await openStorage(rootPath, context),
      async close() {},
    };
  },
});
