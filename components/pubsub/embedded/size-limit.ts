import { DriverError } from "../../../src/driver/errors.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { formatQuantity } from "../../../src/kit/quantity.ts";
import type { Storage } from "../../../src/storage/storage.ts";

const KNOWN_MS = 20;

/**
 * Refuses messages that no longer fit: the answer throws a DriverError of kind `full` when the file's used pages and `bytes`
 * more are over the limit. What others write at the same moment may take it over the limit by a little.
 */
export function createSizeLimit(
  storage: Pick<Storage, "get" | "path">,
  clock: Pick<Clock, "monotonic">,
  limit: number,
): (bytes: number) => void {
  let used = 0;
  let readAt = Number.NEGATIVE_INFINITY;

  function numberOf(name: string): number {
    return Number(storage.get(`PRAGMA ${name}`, [])?.[name] ?? 0);
  }
  return (bytes) => {
    const now = clock.monotonic();
    if (now - readAt > KNOWN_MS) {
      used = (numberOf("page_count") - numberOf("freelist_count")) * numberOf("page_size");
      readAt = now;
    }
    if (used + bytes > limit)
      throw new DriverError(
        "full",
        `the broker is full: ${JSON.stringify(storage.path)} holds ${used} bytes of at most ${limit} (${formatQuantity(limit)}); let subscribers catch up, remove what nobody needs with "pillion topics", or raise "maxSize"`,
      );
    used += bytes;
  };
}
