/** Errors of the health API. */
export const healthRows = {};
