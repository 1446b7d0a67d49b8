import { parseDuration } from "../kit/duration.ts";

/** Milliseconds of a policy's duration: a Go duration, or a whole number of milliseconds. Throws when it is neither. */
export function readDuration(text: string): number {
  return /^[+-]?\d+$/.test(text) ? Number(text) : parseDuration(text);
}

/** As `readDuration`, for a field of a retry or breaker; an empty text gives the fallback. */
export function durationField(text: string, fallback: number): number {
  if (text === "") return fallback;
  try {
    return readDuration(text);
  } catch (cause) {
    throw new Error(`invalid duration ${JSON.stringify(text)}`, { cause });
  }
}
