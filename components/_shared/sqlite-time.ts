/** Epoch milliseconds as SQLite's CURRENT_TIMESTAMP writes them: UTC, whole seconds, comparable as text. */
export function sqliteTime(epochMs: number): string {
  const text = new Date(epochMs).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)}`;
}

/** The present second as such a text, made once per second. */
export function createSqliteNow(now: () => number): () => string {
  let second = Number.NaN;
  let text = "";
  return () => {
    const current = Math.floor(now() / 1000);
    if (current !== second) {
      second = current;
      text = sqliteTime(current * 1000);
    }
    return text;
  };
}

/** Such a text as RFC 3339. */
export function rfc3339OfSqliteTime(text: string): string {
  return `${text.slice(0, 10)}T${text.slice(11, 19)}Z`;
}
