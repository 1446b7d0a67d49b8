/** Header that carries the API token on both wires, and the app token towards apps. */
export const tokenHeader = "dapr-api-token";

/** True when the first of the header's lines, which hosts give joined by ", ", is the token. As `tokenMatches`. */
export function firstTokenMatches(token: string, given: string | null): boolean {
  if (given === null) return false;
  const isWhole = given.length <= token.length || given.startsWith(", ", token.length);
  return tokenMatches(token, isWhole ? given.slice(0, token.length) : given);
}

/** True when `given` is the token; how long it takes does not tell where they differ. */
export function tokenMatches(token: string, given: string | null | undefined): boolean {
  if (given === null || given === undefined || token === "") return false;
  let difference = token.length ^ given.length;
  for (let index = 0; index < given.length; index++) {
    difference |= given.charCodeAt(index) ^ token.charCodeAt(index % token.length);
  }
  return difference === 0;
}
