import { DriverError } from "../../src/driver/errors.ts";
import type { StorageOpen } from "../../src/storage/storage.ts";

/** What a component says of its SQLite file. Times are in milliseconds. */
export interface SqliteSettings {
  readonly connectionString: string;
  readonly timeout: number;
  readonly disableWAL: boolean;
}
/** How to ask for the storage of a component. */
export interface SqliteConnection {
  readonly path: string;
  readonly open: StorageOpen;
}

const FORBIDDEN = ["busy_timeout", "journal_mode", "foreign_keys"];

function readPragma(text: string, warn: (message: string) => void): (readonly [string, string])[] {
  const lower = text.toLowerCase();
  const forbidden = FORBIDDEN.find((name) => lower.startsWith(name));
  if (forbidden !== undefined)
    throw new DriverError("badMetadata", `found forbidden option '_pragma=${forbidden}' in the connection string`);
  const parts = /^([a-z_]+)\(([\w.+-]+)\)$|^([a-z_]+)=([\w.+-]+)$/i.exec(text);
  if (parts === null)
    throw new DriverError(
      "badMetadata",
      `cannot read option "_pragma=${text}" in the connection string: write name(value)`,
    );
  const [, name = parts[3]!, value = parts[4]!] = parts;
  if (name.toLowerCase() !== "synchronous") return [[name, value]];
  warn("Option _pragma=synchronous of the connection string has no effect: every commit is synchronised fully");
  return [];
}

/** The file that a connection string means; undefined for a database in memory. */
function pathOf(text: string, mode: string | null): string | undefined {
  const lower = text.toLowerCase();
  if (lower.startsWith(":memory:") || lower.startsWith("file::memory:") || mode === "memory") return undefined;
  const [body = ""] = text.replace(/^file:/i, "").split("#", 1);
  const path = body.replace(/^\/\/(?:localhost)?(?=\/)/, "");
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new DriverError("badMetadata", `cannot read the path of connection string "${text}": write "%" as "%25"`, {
      cause,
    });
  }
}

/** Reads a connection string (a path, a `file:` URI, `:memory:`) in upstream's way. Throws DriverError "badMetadata". */
export function readSqliteConnection(settings: SqliteSettings, warn: (message: string) => void): SqliteConnection {
  const { connectionString } = settings;
  if (connectionString === "") throw new DriverError("badMetadata", "missing connection string");
  if (settings.timeout < 1000)
    throw new DriverError("badMetadata", "invalid value for 'timeout': must be greater than 1s");
  const mark = connectionString.indexOf("?");
  const hasOptions = mark > 0;
  const options = new URLSearchParams(hasOptions ? connectionString.slice(mark + 1) : "");
  const lock = options.get("_txlock");
  if (lock && !/^(?:deferred|immediate|exclusive)$/i.test(lock))
    throw new DriverError("badMetadata", `failed to ping: unknown _txlock "${lock.toLowerCase()}"`);
  if (lock !== null && lock.toLowerCase() !== "immediate")
    warn("Option _txlock of the connection string has no effect: transactions take their lock at once");
  const pragmas = options.getAll("_pragma").flatMap((text) => readPragma(text, warn));
  const mode = options.get("mode");
  const path = pathOf(hasOptions ? connectionString.slice(0, mark) : connectionString, mode);
  const common = { lockWaitMs: settings.timeout, pragmas };
  if (path === undefined) return { path: ":memory:", open: common };
  const isFixed = mode === "ro" || options.get("immutable") === "1";
  return {
    path,
    open: {
      ...common,
      access: isFixed ? "read" : mode === "rw" ? "existing" : "create",
      journal: isFixed || settings.disableWAL ? "delete" : "wal",
    },
  };
}

/** Refuses names of tables that are no plain identifier, in upstream's words. */
export function checkIdentifier(name: string): string {
  if (/^[0-9A-Za-z_]+$/.test(name)) return name;
  throw new DriverError("badMetadata", `invalid identifier: ${name}`);
}
