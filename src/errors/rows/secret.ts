/** Errors of the secret API. */
export const secretRows = {};
