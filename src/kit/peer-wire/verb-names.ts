/** Verbs by their numbers in HTTPExtension. */
export const verbNames: readonly string[] = Object.freeze([
  "",
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
]);
