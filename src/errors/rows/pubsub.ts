/** Errors of the pubsub API. */
export const pubsubRows = {};
