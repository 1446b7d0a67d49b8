import { DriverError } from "../../src/driver/errors.ts";
import { decodeUtf8 } from "../../src/kit/bytes.ts";
import { type EtcdChannel, EtcdStatusError } from "./etcd-channel.ts";
import { decodeMessage, encodeMessage, type ReadField, type WireField } from "./etcd-wire.ts";

/** A stored key; revisions count the writes of the whole store. */
export interface EtcdPair {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
}
/** What to read; without `rangeEnd` the one key. */
export interface EtcdRange {
  readonly key: string;
  readonly rangeEnd?: Uint8Array;
  readonly keysOnly?: boolean;
  readonly limit?: number;
  /** A revision of the past. */
  readonly revision?: number;
  /** Sorts by the revision at which keys were made, and leaves out earlier ones. */
  readonly fromCreateRevision?: number;
}
export type EtcdWrite =
  | { readonly put: string; readonly value: Uint8Array; readonly lease?: bigint }
  | { readonly remove: string };
/** What must hold of a key: the revision of its last write, or that it is absent. */
export type EtcdCondition = { readonly key: string } & ({ readonly modRevision: number } | { readonly absent: true });

/** The calls of etcd that drivers need. Rejects with EtcdStatusError or DriverError, as the channel does. */
export interface EtcdClient {
  readonly address: string;
  range(range: EtcdRange, signal?: AbortSignal): Promise<{ pairs: EtcdPair[]; revision: number }>;
  /** Writes all when all conditions hold, and answers undefined; else nothing, and answers the conditions' keys as they are. */
  write(
    conditions: readonly EtcdCondition[],
    writes: readonly EtcdWrite[],
    signal?: AbortSignal,
  ): Promise<(EtcdPair | undefined)[] | undefined>;
  /** Makes a lease of some seconds; etcd may give more. */
  grant(seconds: number, signal?: AbortSignal): Promise<bigint>;
  revoke(lease: bigint): Promise<void>;
  close(): Promise<void>;
}

const equal = 0;
const compareCreate = 1;
const compareMod = 2;
const ascending = 1;
const byCreateRevision = 2;

const numberOf = (value: ReadField[1]): number => (value instanceof Uint8Array ? 0 : Number(value));
const bytesOf = (value: ReadField[1]): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array());

function pairOf(bytes: Uint8Array): EtcdPair {
  let [key, value, createRevision, modRevision] = ["", new Uint8Array() as Uint8Array, 0, 0];
  for (const [number, field] of decodeMessage(bytes)) {
    if (number === 1) key = decodeUtf8(bytesOf(field));
    else if (number === 2) createRevision = numberOf(field);
    else if (number === 3) modRevision = numberOf(field);
    else if (number === 5) value = bytesOf(field);
  }
  return { key, value, createRevision, modRevision };
}

function rangeAnswer(bytes: Uint8Array): { pairs: EtcdPair[]; revision: number } {
  const pairs: EtcdPair[] = [];
  let revision = 0;
  for (const [number, field] of decodeMessage(bytes)) {
    if (number === 2) pairs.push(pairOf(bytesOf(field)));
    else if (number === 1)
      for (const [inner, value] of decodeMessage(bytesOf(field))) if (inner === 3) revision = numberOf(value);
  }
  return { pairs, revision };
}

function rangeMessage({ key, rangeEnd, keysOnly, limit, revision, fromCreateRevision }: EtcdRange): Uint8Array {
  const sorts: WireField[] =
    fromCreateRevision === undefined
      ? []
      : [
          [5, ascending],
          [6, byCreateRevision],
        ];
  return encodeMessage([
    [1, key],
    [2, rangeEnd],
    [3, limit],
    [4, revision],
    ...sorts,
    [8, keysOnly ? 1 : undefined],
    [12, fromCreateRevision || undefined],
  ]);
}

function conditionMessage(condition: EtcdCondition): Uint8Array {
  const check: WireField[] =
    "absent" in condition
      ? [
          [2, compareCreate],
          [3, condition.key],
          [5, 0],
        ]
      : [
          [2, compareMod],
          [3, condition.key],
          [6, condition.modRevision],
        ];
  return encodeMessage([[1, equal], ...check]);
}

function writeMessage(write: EtcdWrite): Uint8Array {
  if ("remove" in write) return encodeMessage([[3, encodeMessage([[1, write.remove]])]]);
  const put: WireField[] = [
    [1, write.put],
    [2, write.value],
    [3, write.lease],
  ];
  return encodeMessage([[2, encodeMessage(put)]]);
}

/** The client of a channel. */
export function createEtcdClient(channel: EtcdChannel): EtcdClient {
  const signalOf = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });
  return {
    address: channel.address,
    async range(range, signal) {
      const options = { isRead: true, ...signalOf(signal) };
      return rangeAnswer(await channel.call("/etcdserverpb.KV/Range", rangeMessage(range), options));
    },
    async write(conditions, writes, signal) {
      const message = encodeMessage([
        ...conditions.map((condition): WireField => [1, conditionMessage(condition)]),
        ...writes.map((write): WireField => [2, writeMessage(write)]),
        ...conditions.map(({ key }): WireField => [3, encodeMessage([[1, rangeMessage({ key, keysOnly: true })]])]),
      ]);
      const answer = await channel.call("/etcdserverpb.KV/Txn", message, { isRead: false, ...signalOf(signal) });
      const fields = decodeMessage(answer);
      if (fields.some(([number, value]) => number === 2 && value === 1)) return undefined;
      return fields
        .filter(([number]) => number === 3)
        .map(([, response]) => {
          const range = decodeMessage(bytesOf(response)).find(([number]) => number === 1);
          return range === undefined ? undefined : rangeAnswer(bytesOf(range[1])).pairs[0];
        });
    },
    async grant(seconds, signal) {
      const message = encodeMessage([[1, seconds]]);
      const answer = await channel.call("/etcdserverpb.Lease/LeaseGrant", message, {
        isRead: false,
        ...signalOf(signal),
      });
      for (const [number, value] of decodeMessage(answer))
        if (number === 2 && !(value instanceof Uint8Array)) return BigInt(value);
      throw new EtcdStatusError(2, "etcd granted a lease without a number");
    },
    async revoke(lease) {
      await channel.call("/etcdserverpb.Lease/LeaseRevoke", encodeMessage([[1, lease]]), { isRead: false });
    },
    close: () => channel.close(),
  };
}

/** A failure of etcd as the driver's own, with what was tried in front. */
export function etcdFailure(cause: unknown, action?: string): DriverError {
  const lead = action === undefined ? "" : `${action}: `;
  if (DriverError.is(cause)) return new DriverError(cause.kind, `${lead}${cause.message}`, { cause });
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof EtcdStatusError ? cause.code : 0;
  const kinds = { 3: "badRequest", 4: "timeout", 7: "unauthorized", 14: "unavailable", 16: "unauthorized" } as const;
  const kind = kinds[code as keyof typeof kinds] ?? "failed";
  return new DriverError(kind, `${lead}${message}`, { cause });
}
