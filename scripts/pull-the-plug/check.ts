import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { orderName } from "./services.ts";

/** What became of the orders, read from the store and from the files of the apps. */
export interface Verdict {
  readonly shipped: number;
  readonly lost: readonly string[];
  readonly twice: readonly string[];
  /** Other faults. */
  readonly faults: readonly string[];
  /** Times that an app worked on an event whose first work came to nothing. */
  readonly repeated: number;
}

/** Reads nothing but the database file and the files that the apps wrote. */
export function checkOrders(
  count: number,
  files: { readonly database: string; readonly orders: string; readonly shipping: string },
): Verdict {
  const database = new Database(files.database, { readonly: true });
  const rows = database.query("SELECT key, value FROM state").all() as { key: string; value: string }[];
  const open = database.query("SELECT count(*) AS open FROM pubsub_delivery").get() as { open: number };
  const [integrity] = database.query("PRAGMA integrity_check").all() as { integrity_check: string }[];
  database.close();
  const times = new Map(rows.map(({ key, value }) => [key, (JSON.parse(value) as { times: number }).times]));
  const worked = (path: string): readonly string[] => readFileSync(path, "utf8").split("\n").filter(Boolean);
  const accepted = worked(files.orders);
  const sent = worked(files.shipping);
  const known = { accepted: new Set(accepted), sent: new Set(sent) };
  const all = Array.from({ length: count }, (_, index) => orderName(index + 1));
  const faults: string[] = [];
  for (const order of all) {
    if ((times.get(`orders||accepted-${order}`) ?? 0) > 1) faults.push(`${order} was accepted more than once`);
    if (times.has(`shipping||shipped-${order}`) && !known.sent.has(order))
      faults.push(`${order} is in the store and not in the file of the shipping service`);
    if (times.has(`orders||accepted-${order}`) && !known.accepted.has(order))
      faults.push(`${order} is in the store and not in the file of the orders service`);
  }
  if (open.open > 0) faults.push(`${open.open} messages were handed out and are not done`);
  if (integrity?.integrity_check !== "ok") faults.push(`the file is damaged: ${integrity?.integrity_check}`);
  const shippedTimes = (order: string): number => times.get(`shipping||shipped-${order}`) ?? 0;
  return {
    shipped: all.filter((order) => shippedTimes(order) > 0).length,
    lost: all.filter((order) => shippedTimes(order) === 0),
    twice: all.filter((order) => shippedTimes(order) > 1),
    faults,
    repeated: accepted.length - known.accepted.size + sent.length - known.sent.size,
  };
}
