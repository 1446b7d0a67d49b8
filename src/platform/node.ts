import { createFiles } from "./_node/files.ts";
import { serveNodeHttp } from "./_node/http-node.ts";
import { createHttp2 } from "./_node/http2.ts";
import { lookupHost } from "./_node/lookup.ts";
import { createProcessControl } from "./_node/process.ts";
import { openNodeSqlite } from "./_node/sqlite-node.ts";
import { connectTcp } from "./_node/tcp.ts";
import { startNodeThread } from "./_node/thread-node.ts";
import { openUdp } from "./_node/udp.ts";
import { createSystemClock } from "./_web/clock.ts";
import { createSystemRandom } from "./_web/random.ts";
import type { Platform } from "./types.ts";

/** The host when Node (22.18 or later) runs our sources. */
export function createNodePlatform(): Platform {
  return {
    name: "node",
    env: process.env,
    clock: createSystemClock((timer) => (timer as NodeJS.Timeout).unref()),
    random: createSystemRandom(),
    serveHttp: serveNodeHttp,
    ...createHttp2(),
    storageThread: () => startNodeThread(new URL("../storage/writer-thread.ts", import.meta.url)),
    sqlite: openNodeSqlite,
    files: createFiles(),
    tcp: connectTcp,
    udp: openUdp,
    lookup: lookupHost,
    process: createProcessControl(),
  };
}
