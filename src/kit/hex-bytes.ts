import { lazily } from "./lazily.ts";

/** The two hexadecimal digits of each byte, in lower case. */
export const hexBytes: () => readonly string[] = lazily(() =>
  Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0")),
);
