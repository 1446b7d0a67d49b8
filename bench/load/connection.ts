/** Reports an answer: when its request was due, whether it was a success, and a word for its outcome (a status). */
export type OnAnswer = (dueAt: number, success: boolean, outcome: number) => void;

/** One client connection. Times are nanoseconds of `Bun.nanoseconds`. */
export interface Connection {
  readonly fd: number;
  /** Requests that wait for their answer. */
  readonly inflight: number;
  /** How many may wait at a time. */
  readonly capacity: number;
  /** Sends a request that was due at the given time. */
  start(dueAt: number): void;
  /** Takes the bytes that arrived; false when the peer has closed. */
  receive(): boolean;
  /** Sends what the kernel did not take before. */
  flush(): void;
  /** Whether `flush` has something to send. */
  readonly waiting: boolean;
}

/** Opens a connection; throws when nobody listens. */
export type OpenConnection = (onAnswer: OnAnswer) => Connection;
