import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

/**
 * UUIDs that begin with the millisecond in which they were made; the other 74 bits are random. Next to each other in an index they
 * share its pages. Random ones take a page each: with 100,000 events in an inbox that was 40 % of the time of a transaction.
 *
 * compat: they have the shape of version 4, as upstream's ids.
 */
export function createOrderedIds(clock: Pick<Clock, "now">, random: Pick<Random, "uuid">): () => string {
  let time = -1;
  let start = "";
  return () => {
    const now = Math.floor(clock.now());
    if (now !== time) {
      time = now;
      const hex = now.toString(16).padStart(12, "0");
      start = `${hex.slice(0, 8)}-${hex.slice(8)}`;
    }
    return start + random.uuid().slice(13);
  };
}
