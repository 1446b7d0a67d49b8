/** Header that carries the API token on both wires, and the app token towards apps. */
export const tokenHeader = "dapr-api-token";

/** True when `given` is the token; how long it takes does not tell where they differ. */
export function tokenMatches(token: string, given: string | null | undefined): boolean {
  if (given === null || given === undefined || token === "") return false;
  let difference = token.length ^ given.length;
  for (let index = 0; index < given.length; index++) {
    difference |= given.charCodeAt(index) ^ token.charCodeAt(index % token.length);
  }
  return difference === 0;
}
