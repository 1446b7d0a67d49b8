/** How many events a bulk holds. */
export const bulkSize = 100;
/** The padding that makes an event 1 KB long. */
export const eventNote = "a".repeat(1000);

/** The body of a bulk publish: JSON events of 1 KB. */
export const bulkEvents = (): string =>
  JSON.stringify(
    Array.from({ length: bulkSize }, (_unused, index) => ({
      entryId: String(index),
      event: { order: index, note: eventNote },
      contentType: "application/json",
    })),
  );
