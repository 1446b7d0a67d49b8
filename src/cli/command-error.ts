/** A command that failed for a reason the user can act on: shown as one line, exit code 1. */
export class CommandError extends Error {}
