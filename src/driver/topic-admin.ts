/** A consumer group of a topic. */
export interface TopicGroup {
  readonly name: string;
  /** The last offset that was handed to a member. */
  readonly offset: number;
  /** Messages that the group is not done with. */
  readonly backlog: number;
  /** Of the backlog: in a handler. */
  readonly inFlight: number;
  /** Of the backlog: waiting to be delivered again, or for an earlier message of their key. */
  readonly waiting: number;
  /** Processes with subscriptions for the group. One that was killed counts for some minutes. */
  readonly consumers: number;
}

/** A topic and what waits in it. Times are epoch milliseconds, sizes bytes. */
export interface TopicSummary {
  readonly name: string;
  readonly messages: number;
  readonly bytes: number;
  /** When the oldest message was published; null when there is none. */
  readonly oldestAt: number | null;
  readonly firstOffset: number | null;
  readonly lastOffset: number | null;
  /** Messages that are not due yet. */
  readonly delayed: number;
  /** Messages of this topic that were put aside, and are still there. */
  readonly deadLetters: number;
  readonly groups: readonly TopicGroup[];
}

/** A message that was put aside. */
export interface DeadLetter {
  readonly offset: number;
  /** The topic in which it is. */
  readonly in: string;
  /** The group that gave it up. */
  readonly group: string;
  readonly putAsideAt: number;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly data: Uint8Array;
}

/** Looks after the topics of a broker, whoever uses them. Throws DriverError: `notFound` for a topic or group that does not exist. */
export interface TopicAdmin {
  list(): Promise<readonly TopicSummary[]>;
  /** Dead letters of a topic, oldest first. */
  deadLetters(topic: string, limit: number): Promise<readonly DeadLetter[]>;
  /** Gives the dead letters of a topic back to the groups that gave them up; answers how many. */
  redeliver(topic: string): Promise<number>;
  /** Hands the messages from an offset or a time on (epoch milliseconds) to a group again; answers how many there are. */
  replay(topic: string, group: string, from: { readonly offset: number } | { readonly time: number }): Promise<number>;
  /**
   * Removes a group with its backlog; answers how many messages that were. `unavailable` while it has subscribers, unless it is
   * forced: they then get nothing more until they are started again.
   */
  removeGroup(topic: string, group: string, isForced: boolean): Promise<number>;
  /** Removes all messages of a topic, delayed ones too; answers how many. */
  purge(topic: string): Promise<number>;
}
