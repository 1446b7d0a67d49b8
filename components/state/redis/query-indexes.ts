import { DriverError } from "../../../src/driver/errors.ts";
import { RedisReplyError } from "../../_shared/redis-client.ts";
import type { RedisConnection } from "../../_shared/redis-connection.ts";

/** An indexed field: its name in the index and its kind, such as TEXT, NUMERIC or TAG. */
export interface IndexedField {
  readonly alias: string;
  readonly type: string;
}
/** The fields of an index by their path in the value. */
export type QueryIndex = ReadonlyMap<string, IndexedField>;

function fault(text: string, cause?: unknown): DriverError {
  return new DriverError("badMetadata", `redis store: error parsing query index schema: ${text}`, { cause });
}

function entries(value: unknown, what: string): Record<string, unknown>[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.some((each) => typeof each !== "object" || each === null || Array.isArray(each)))
    throw fault(`${what} must be a list of objects`);
  return value as Record<string, unknown>[];
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** Reads the `queryIndexes` of a component: indexes by name. Throws DriverError "badMetadata" in upstream's words. */
export function parseQueryIndexes(text: string): ReadonlyMap<string, QueryIndex> {
  const indexes = new Map<string, QueryIndex>();
  if (text === "") return indexes;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw fault(cause instanceof Error ? cause.message : String(cause), cause);
  }
  for (const schema of entries(document, "queryIndexes")) {
    const name = textOf(schema["name"]);
    if (name === "") throw fault("empty query schema name");
    if (indexes.has(name)) throw fault(`duplicate schema name ${name}`);
    const fields = new Map<string, IndexedField>();
    for (const [at, index] of entries(schema["indexes"], `indexes of ${name}`).entries()) {
      const key = textOf(index["key"]);
      const type = textOf(index["type"]);
      if (key === "") throw fault(`empty key in query schema ${name}`);
      if (type === "") throw fault(`empty type in query schema ${name}`);
      fields.set(key, { alias: `var${at}`, type });
    }
    indexes.set(name, fields);
  }
  return indexes;
}

/** Makes the indexes in the server, in place of those with the same names. Throws DriverError "failed". */
export async function createQueryIndexes(
  redis: RedisConnection,
  indexes: ReadonlyMap<string, QueryIndex>,
): Promise<void> {
  for (const [name, fields] of indexes) {
    const columns = [...fields].flatMap(([key, { alias, type }]) => [`$.data.${key}`, "AS", alias, type, "SORTABLE"]);
    const create = { args: ["FT.CREATE", name, "ON", "JSON", "SCHEMA", ...columns] };
    try {
      await redis.send(create).catch(async (error: unknown) => {
        if (!(error instanceof RedisReplyError) || !error.message.includes("Index already exists")) throw error;
        await redis.send({ args: ["FT.DROPINDEX", name] });
        await redis.send(create);
      });
    } catch (cause) {
      if (!(cause instanceof RedisReplyError)) throw cause;
      const text = `redis store: error registering query schemas: ${cause.message}`;
      throw new DriverError("failed", text, { cause });
    }
  }
}
