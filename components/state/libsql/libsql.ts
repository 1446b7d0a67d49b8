import { defineStateStore } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { scheduleCleanup } from "../../_shared/sql-cleanup.ts";
import { createSqlStateStore } from "../../_shared/sql-state-store.ts";
import { prepareTables, tablesOf } from "../../_shared/sql-tables.ts";
import { checkIdentifier } from "../../_shared/sqlite-connection.ts";
import { createLibsqlDatabase } from "./libsql-database.ts";

/** The address for messages: without user, token and options. */
function shown(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function checkUrl(url: string): void {
  if (URL.canParse(url) && /^(?:libsql|https?):\/\/./i.test(url)) return;
  throw new DriverError(
    "badMetadata",
    `invalid value for 'url': ${JSON.stringify(url)} must start with libsql://, https:// or http://`,
  );
}

/** State on a libSQL server over HTTP, in the tables of `state.sqlite`. It holds no connection between calls. */
export default defineStateStore({
  type: "state.libsql",
  versions: ["v1"],
  status: "beta",
  summary: "State on a remote libSQL server over HTTP",
  metadata: {
    url: m
      .text()
      .required("missing url")
      .alias("connectionString")
      .help("Address of the server: `libsql://` (over TLS), `https://` or `http://`"),
    authToken: m.secret().help("Token that the server asks for"),
    timeout: m.duration().default(20_000).help("How long the server may take to answer"),
    tableName: m.text().default("state").help("Table of the values"),
    metadataTableName: m.text().default("metadata").help("Table of the schema level and the last clean-up"),
    cleanupInterval: m
      .duration()
      .default(0)
      .alias("cleanupIntervalInSeconds")
      .help("How often expired rows are removed; 0 leaves them, they are hidden all the same"),
    enableQuery: m.flag().default(false).help("Turns on the query API over JSON values"),
  },
  async open(metadata, { clock, random, log, platform }) {
    const { url } = metadata;
    checkUrl(url);
    const tables = tablesOf(checkIdentifier(metadata.tableName), checkIdentifier(metadata.metadataTableName));
    const everyMs = metadata.cleanupInterval;
    if (everyMs > 0 && platform.process === undefined)
      throw new DriverError(
        "badMetadata",
        `invalid value for 'cleanupInterval': the ${platform.name} runtime runs only while it answers; leave it out here and set it where the same tables are used by a process that stays`,
      );
    const { createClient } = await import("@libsql/client/web");
    const database = createLibsqlDatabase({
      url: shown(url),
      clock,
      timeoutMs: metadata.timeout,
      connect: (fetch) => createClient({ url, authToken: metadata.authToken, fetch }),
    });
    await prepareTables(database, tables);
    const stopCleanup = scheduleCleanup({ database, tables, clock, log, everyMs });
    const { enableQuery } = metadata;
    return createSqlStateStore({ database, tables, clock, random, enableQuery, beforeClose: stopCleanup });
  },
});
