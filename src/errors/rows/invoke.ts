/** Errors of the invoke API. */
export const invokeRows = {};
