/** A message as the broker sent it. */
export interface MqttPacket {
  readonly id: number;
  readonly topic: string;
  readonly data: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly isRetained: boolean;
  /** The broker has sent it before. */
  readonly isDuplicate: boolean;
}

interface Entry {
  readonly packet: MqttPacket;
  /** The connection on which it came last. */
  connection: number;
  isDone: boolean;
}

export interface InboxPorts {
  /** Resolves with whether the message may be acknowledged. */
  deliver(packet: MqttPacket): Promise<boolean>;
  /** Tells the broker, over the connection that stands; false when none does. */
  acknowledge(packet: MqttPacket): boolean;
}

/** Messages that are not acknowledged yet. One that comes again because a connection broke is not delivered twice by the same process. */
export interface MqttInbox {
  connected(hasSession: boolean): void;
  received(packet: MqttPacket): void;
}

/** Makes an inbox. Acknowledgements go out in whatever order the messages are done. */
export function createMqttInbox({ deliver, acknowledge }: InboxPorts): MqttInbox {
  const entries = new Map<number, Entry>();
  let connection = 0;

  function settle(entry: Entry, isTaken: boolean): void {
    const { packet } = entry;
    // The number may stand for another message by now.
    if (entries.get(packet.id) !== entry) return;
    entry.isDone = isTaken;
    // A broken connection: the broker sends it again on the next, and gets its answer then.
    if (isTaken && (entry.connection !== connection || !acknowledge(packet))) return;
    entries.delete(packet.id);
  }

  return {
    connected(hasSession) {
      connection += 1;
      if (!hasSession) entries.clear();
    },
    received(packet) {
      if (packet.qos === 0) {
        void deliver(packet);
        return;
      }
      const known = entries.get(packet.id);
      if (known !== undefined && packet.isDuplicate && isSame(known.packet, packet)) {
        known.connection = connection;
        if (known.isDone) settle(known, true);
        return;
      }
      const entry: Entry = { packet, connection, isDone: false };
      entries.set(packet.id, entry);
      deliver(packet).then(
        (isTaken) => settle(entry, isTaken),
        () => settle(entry, false),
      );
    },
  };
}

function isSame(one: MqttPacket, other: MqttPacket): boolean {
  if (one.topic !== other.topic || one.data.length !== other.data.length) return false;
  return one.data.every((byte, at) => byte === other.data[at]);
}
