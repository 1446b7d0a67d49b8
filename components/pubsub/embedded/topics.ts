import type { Storage } from "../../../src/storage/storage.ts";

/** The numbers of topics in a file. Topics are never removed, so a number stays good. */
export interface Topics {
  /** The number of a topic; a new topic is written down first. */
  id(name: string): number | Promise<number>;
}

/** Looks topics up once. */
export function createTopics(storage: Pick<Storage, "get" | "write">): Topics {
  const known = new Map<string, number>();

  function lookUp(name: string): number | undefined {
    const row = storage.get("SELECT id FROM pubsub_topic WHERE name = ?", [name]);
    if (row === undefined) return undefined;
    const id = Number(row["id"]);
    known.set(name, id);
    return id;
  }
  async function add(name: string): Promise<number> {
    await storage.write([{ sql: "INSERT INTO pubsub_topic (name) VALUES (?) ON CONFLICT DO NOTHING", params: [name] }]);
    const id = lookUp(name);
    if (id === undefined) throw new Error(`cannot find topic ${JSON.stringify(name)} after adding it`);
    return id;
  }

  return { id: (name) => known.get(name) ?? lookUp(name) ?? add(name) };
}
