import type { Clock } from "../../../src/kit/clock.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";

/** This process among all that use the file: who holds messages, and until when that counts. */
export interface Owner {
  readonly id: number;
  /** The step that a claim must bring along so that what it takes is under lease; undefined while the lease is long enough. */
  renewal(now: number): Step | undefined;
  /** A write with a renewal failed: how long the lease holds is not known. */
  doubt(): void;
  /** Work has begun: the lease is renewed until `isBusy` says that there is none. */
  keep(): void;
  /** Writes, the first time, where this process listens for wake-ups. */
  announce(port: number): Promise<void>;
  stop(): void;
}

export interface OwnerPorts {
  readonly id: number;
  /** Host and process, for people. */
  readonly process: string;
  readonly storage: Pick<Storage, "write">;
  readonly clock: Clock;
  readonly leaseMs: number;
  /** Messages are held. */
  isBusy(): boolean;
  /** What is listened to. */
  memberships(): readonly Membership[];
  failed(error: unknown): void;
}

/** How often a process that only waits says that it is there. */
export const SEEN_EVERY_MS = 300_000;

/** A group of a topic in which a process has a subscription. */
export interface Membership {
  readonly topic: number;
  readonly group: number;
}

/** Notes that an owner listens to a topic for a group. */
export function memberStep({ topic, group }: Membership, owner: number): Step {
  const sql = "INSERT INTO pubsub_member (topic, owner, grp) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
  return { sql, params: [topic, owner, group] };
}

/** The owner of one process. Its row appears with the first subscription. */
export function createOwner(ports: OwnerPorts): Owner {
  const { id, process, storage, clock, leaseMs } = ports;
  let until = 0;
  let port = 0;
  let cancel: (() => void) | undefined;
  let stopSeen: (() => void) | undefined;

  function row(now: number): Step {
    until = now + leaseMs;
    return {
      sql: `INSERT INTO pubsub_owner (id, process, port, lease_until, seen_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET port = excluded.port, lease_until = excluded.lease_until, seen_at = excluded.seen_at`,
      params: [id, process, port, until, now],
    };
  }
  async function renew(): Promise<void> {
    cancel = undefined;
    if (!ports.isBusy()) return;
    keep();
    try {
      await storage.write([row(clock.now())]);
    } catch (error) {
      until = 0;
      ports.failed(error);
    }
  }
  function keep(): void {
    cancel ??= clock.after(leaseMs / 4, () => void renew());
  }
  function scheduleSeen(): void {
    stopSeen = clock.after(SEEN_EVERY_MS, () => {
      scheduleSeen();
      // After a long sleep of the machine others may have taken the rows for those of a dead process.
      const members = ports.memberships().map((membership) => memberStep(membership, id));
      storage.write([row(clock.now()), ...members]).catch(ports.failed);
    });
  }

  return {
    id,
    keep,
    doubt() {
      until = 0;
    },
    renewal: (now) => (until - now < leaseMs * 0.75 ? row(now) : undefined),
    async announce(newPort) {
      if (stopSeen !== undefined) return;
      port = newPort;
      await storage.write([row(clock.now())]);
      if (stopSeen === undefined) scheduleSeen();
    },
    stop() {
      cancel?.();
      stopSeen?.();
    },
  };
}
