import { DriverError } from "../../../src/driver/errors.ts";
import type { StateOperation, StateSet, StateStore } from "../../../src/driver/state.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { parseTtl } from "../../../src/kit/ttl.ts";
import { type EtcdClient, type EtcdWrite, etcdFailure } from "../../_shared/etcd-client.ts";
import { listKeys } from "./list-keys.ts";
import { planWrites, refusedPlan } from "./plan-writes.ts";
import type { ValueFormat } from "./value-format.ts";

/** What the store is made of. */
export interface EtcdStoreOptions {
  readonly etcd: EtcdClient;
  readonly clock: Pick<Clock, "now">;
  readonly format: ValueFormat;
  /** Comes before each key, with a slash between. */
  readonly keyPrefixPath: string;
  readonly maxTransactionOperations: number;
}

/** Seconds to live of a write; what is not positive means for ever. */
function ttlOf({ metadata }: StateSet): number | undefined {
  let ttl: number | undefined;
  try {
    ttl = parseTtl(metadata);
  } catch (cause) {
    throw new DriverError("badRequest", (cause as Error).message, { cause });
  }
  return ttl === undefined || ttl <= 0 ? undefined : ttl;
}

/** A store on a client. A write is one transaction of etcd, its conditions included. */
export function createEtcdStore(options: EtcdStoreOptions): StateStore {
  const { etcd, clock, format, maxTransactionOperations } = options;
  const base = `${options.keyPrefixPath}/`;
  const path = (key: string): string => base + key;

  /** Leases for the writes that need one, by key. */
  async function grantLeases(last: ReadonlyMap<string, StateOperation>, signal: AbortSignal) {
    const leases = new Map<string, { readonly ttl: number; readonly lease: bigint }>();
    for (const operation of last.values()) if (operation.kind === "upsert") ttlOf(operation.request);
    for (const [key, { kind, request }] of last) {
      const ttl = kind === "upsert" ? ttlOf(request) : undefined;
      if (ttl === undefined) continue;
      try {
        leases.set(key, { ttl, lease: await etcd.grant(ttl, signal) });
      } catch (cause) {
        release(leases);
        throw etcdFailure(cause, `couldn't grant lease ${key}`);
      }
    }
    return leases;
  }

  /** Leases that hold nothing end by themselves too, so nobody waits for this. */
  function release(leases: ReadonlyMap<string, { readonly lease: bigint }>): void {
    for (const { lease } of leases.values()) etcd.revoke(lease).catch(() => undefined);
  }

  async function run(
    operations: readonly StateOperation[],
    action: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    for (const { kind, request } of operations) if (kind === "upsert") ttlOf(request);
    const plan = planWrites(operations, path);
    const leases = await grantLeases(plan.last, signal);
    const now = clock.now();
    const writes = [...plan.last].map(([key, { kind, request }]): EtcdWrite => {
      if (kind === "delete") return { remove: key };
      const { ttl, lease } = leases.get(key) ?? {};
      return { put: key, value: format.encode(request.value.bytes, now, ttl), ...(lease !== undefined && { lease }) };
    });
    const conditions = plan.conditions.map(({ condition }) => condition);
    try {
      const found = await etcd.write(conditions, writes, signal);
      if (found !== undefined) throw refusedPlan(plan, found);
    } catch (cause) {
      release(leases);
      if (DriverError.is(cause) && cause.kind === "etagMismatch") throw cause;
      throw etcdFailure(cause, action);
    }
  }

  return {
    features: ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"],
    maxTransactionOperations,
    async get({ key }, signal) {
      const stored = path(key);
      try {
        const [pair] = (await etcd.range({ key: stored }, signal)).pairs;
        if (pair === undefined) return null;
        return { ...format.decode(pair.value), etag: String(pair.modRevision) };
      } catch (cause) {
        throw etcdFailure(cause, `couldn't get key ${stored}`);
      }
    },
    set: (request, signal) => run([{ kind: "upsert", request }], `couldn't set key ${path(request.key)}`, signal),
    delete: (request, signal) => run([{ kind: "delete", request }], `couldn't delete key ${path(request.key)}`, signal),
    async transact(operations, _metadata, signal) {
      if (operations.length > 0) await run(operations, undefined, signal);
    },
    async keysLike(pattern, pageSize, token, signal) {
      if (pattern === "") throw new DriverError("badRequest", "keys like pattern cannot be empty");
      try {
        return await listKeys(etcd, base, { pattern, pageSize, token }, signal);
      } catch (cause) {
        throw etcdFailure(cause);
      }
    },
    async ping(signal) {
      try {
        await etcd.range({ key: "health" }, signal);
      } catch (cause) {
        throw etcdFailure(cause, `etcd store: error connecting to etcd at [${etcd.address.replaceAll(",", " ")}]`);
      }
    },
    close: () => etcd.close(),
  };
}
