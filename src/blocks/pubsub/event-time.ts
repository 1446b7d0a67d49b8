const pad = (value: number): string => String(value).padStart(2, "0");

/** Epoch milliseconds as RFC 3339 with whole seconds in the local time zone, as Go prints the current time. */
export function localTime(epochMs: number): string {
  const date = new Date(epochMs);
  const offset = -date.getTimezoneOffset();
  if (offset === 0) return utcTime(epochMs);
  const local = new Date(epochMs + offset * 60_000).toISOString().slice(0, 19);
  const size = Math.abs(offset);
  return `${local}${offset < 0 ? "-" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

const last = Date.UTC(9999, 11, 31, 23, 59, 59);

/** Epoch milliseconds as RFC 3339 with whole seconds in UTC; at most the end of the year 9999. */
export function utcTime(epochMs: number): string {
  return `${new Date(Math.min(epochMs, last)).toISOString().slice(0, 19)}Z`;
}
