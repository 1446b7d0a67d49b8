import type { DriverContext } from "../../../src/driver/context.ts";
import { defineNameResolver } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { Announcement, NameResolver } from "../../../src/driver/nameresolution.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { ExpectationError } from "../../../src/storage/storage-error.ts";
import { readSqliteConnection } from "../../_shared/sqlite-connection.ts";
import { storageFailure } from "../../_shared/storage-failure.ts";
import { prepareHosts } from "./hosts-table.ts";

/** Names in a table that sidecars of one host (or one network folder) share, the same as upstream's: both find each other. */
export default defineNameResolver({
  type: "nameresolution.sqlite",
  versions: ["v1"],
  status: "stable",
  summary: "Addresses of apps in a SQLite file that their sidecars share",
  needs: ["sqlite"],
  metadata: {
    connectionString: m
      .text()
      .required("missing connection string")
      .alias("url")
      .help("Path of the file, a `file:` URI, or `:memory:`"),
    timeout: m.duration().default(1000).alias("timeoutInSeconds").help("How long an operation may wait for a lock"),
    busyTimeout: m
      .duration()
      .default(800)
      .help("Accepted for compatibility; a locked file is waited for up to `timeout`"),
    disableWAL: m.flag().default(false).help("For network file systems: no write-ahead log"),
    tableName: m.text().default("hosts").help("Table of the addresses"),
    metadataTableName: m.text().default("metadata").help("Table of the schema level and the last clean-up"),
    updateInterval: m.duration().default(5000).help("How long an address is believed without renewal; whole seconds"),
    cleanupInterval: m
      .duration()
      .default(3_600_000)
      .alias("cleanupIntervalInSeconds")
      .help("How often dead addresses are removed; 0 leaves them"),
  },
  async open(metadata, context) {
    const { log } = context;
    for (const name of [metadata.tableName, metadata.metadataTableName]) {
      if (/^[0-9A-Za-z_]+$/.test(name)) continue;
      throw new DriverError("badMetadata", `invalid identifier for table name: ${name}`);
    }
    const { updateInterval, timeout } = metadata;
    if (updateInterval % 1000 !== 0) {
      throw new DriverError("badMetadata", "update interval must not contain fractions of seconds");
    }
    if (updateInterval - timeout < 1000) {
      throw new DriverError("badMetadata", "update interval must be at least 1s greater than timeout");
    }
    const connection = readSqliteConnection(metadata, (message) => log.warn(message));
    if (connection.path === ":memory:") {
      log.warn("Name resolution with an in-memory database finds no apps of other processes");
    }
    const storage = await context.storage(connection.path, connection.open).catch((cause: unknown) => {
      throw storageFailure(cause, "failed to create connection");
    });
    try {
      await prepareHosts(storage, metadata.tableName, metadata.metadataTableName);
    } catch (cause) {
      await storage.close();
      throw storageFailure(cause, "failed to perform migrations");
    }
    return createHosts(storage, metadata, context);
  },
});

interface HostsSettings {
  readonly tableName: string;
  readonly metadataTableName: string;
  readonly timeout: number;
  readonly updateInterval: number;
  readonly cleanupInterval: number;
}

function createHosts(storage: Storage, settings: HostsSettings, context: DriverContext): NameResolver {
  const { clock, random, log } = context;
  const { updateInterval, cleanupInterval } = settings;
  const hosts = `"${settings.tableName}"`;
  const maxAge = updateInterval / 1000;
  const timers = new Set<() => void>();
  let work: Promise<void> = Promise.resolve();

  const now = (): number => Math.floor(clock.now() / 1000);
  /** Runs `round` at every interval, unless the last one is still under way; the answer stops that. */
  const every = (ms: number, round: () => Promise<void>): (() => void) => {
    let isBusy = false;
    let cancel = clock.after(ms, run);
    function run(): void {
      cancel = clock.after(ms, run);
      if (isBusy) return;
      isBusy = true;
      const done = round().finally(() => {
        isBusy = false;
      });
      work = Promise.all([work, done]).then(() => undefined);
    }
    const stop = () => {
      cancel();
      timers.delete(stop);
    };
    timers.add(stop);
    return stop;
  };

  const insert = async (self: Announcement, address: string): Promise<string> => {
    const id = random.uuid();
    await storage.write([
      {
        // The index on addresses makes it take over what another process registered there before.
        sql: `REPLACE INTO ${hosts} (registration_id, address, app_id, namespace, last_update) VALUES (?, ?, ?, '', ?)`,
        params: [id, address, self.appId, now()],
      },
    ]);
    return id;
  };
  const renew = async (id: string, address: string): Promise<boolean> => {
    try {
      const sql = `UPDATE ${hosts} SET last_update = ? WHERE registration_id = ? AND address = ?`;
      await storage.write([{ sql, params: [now(), id, address], expect: 1 }]);
      return true;
    } catch (error) {
      if (ExpectationError.is(error)) return false;
      throw error;
    }
  };
  const removeDead = async (): Promise<void> => {
    try {
      await storage.write([
        {
          sql: `INSERT INTO "${settings.metadataTableName}" (key, value) VALUES ('nr-last-cleanup', CURRENT_TIMESTAMP) ON CONFLICT (key) DO UPDATE SET value = CURRENT_TIMESTAMP WHERE (unixepoch(CURRENT_TIMESTAMP) - unixepoch(value)) * 1000 > ?`,
          params: [cleanupInterval - 100],
          expect: 1,
        },
        { sql: `DELETE FROM ${hosts} WHERE ? - last_update >= ?`, params: [now(), maxAge] },
      ]);
    } catch (error) {
      if (!ExpectationError.is(error)) log.error(`Error removing expired data: ${error}`);
    }
  };
  if (cleanupInterval > 0) every(cleanupInterval, removeDead);

  return {
    isFresh: true,
    async register(self) {
      if (self.appId === "") throw new DriverError("badMetadata", "name is missing");
      if (self.hostAddress === "") throw new DriverError("badMetadata", "address is missing");
      if (!(self.internalPort > 0)) throw new DriverError("badMetadata", "port is missing or invalid");
      const host = self.hostAddress.includes(":") ? `[${self.hostAddress}]` : self.hostAddress;
      const address = `${host}:${self.internalPort}`;
      let id = await insert(self, address).catch((cause: unknown) => {
        throw storageFailure(cause, "failed to register host");
      });
      const stop = every(updateInterval - settings.timeout, async () => {
        try {
          if (await renew(id, address)) return;
          log.error(`Host registration of ${address} was lost to another process; registering again`);
          id = await insert(self, address);
        } catch (error) {
          log.error(`Failed to update host registration: ${error instanceof Error ? error.message : error}`);
        }
      });
      return async () => {
        stop();
        await work;
        const sql = `DELETE FROM ${hosts} WHERE registration_id = ? AND address = ?`;
        const [result] = await storage.write([{ sql, params: [id, address] }]).catch((cause: unknown) => {
          throw storageFailure(cause, "failed to unregister host");
        });
        if (result?.changes === 0) throw new DriverError("failed", "failed to unregister host: no row deleted");
      };
    },
    async resolve({ appId }) {
      let rows: ReturnType<Storage["all"]>;
      try {
        const sql = `SELECT address FROM ${hosts} WHERE app_id = ? AND ? - last_update < ?`;
        rows = storage.all(sql, [appId, now(), maxAge]);
      } catch (cause) {
        throw storageFailure(cause, "failed to look up address");
      }
      if (rows.length === 0) throw new DriverError("notFound", "no host found with the given ID");
      return rows.map((row) => String(row["address"]));
    },
    async close() {
      for (const stop of [...timers]) stop();
      await work;
      await storage.close();
    },
  };
}
