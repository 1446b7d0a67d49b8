/** Errors of the state API. */
export const stateRows = {};
