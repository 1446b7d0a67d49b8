import { edenGC, heapSize } from "bun:jsc";
import { createFiles } from "./_node/files.ts";
import { serveBunHttp } from "./_node/http-bun.ts";
import { createHttp2 } from "./_node/http2.ts";
import { createBunBind, createBunDial } from "./_node/http2-bun.ts";
import { lookupHost } from "./_node/lookup.ts";
import { createProcessControl } from "./_node/process.ts";
import { openBunSqlite } from "./_node/sqlite-bun.ts";
import { connectBunTcp } from "./_node/tcp-bun.ts";
import { startBunStorageThread } from "./_node/thread-bun.ts";
import { createCollect, createTidyHeap } from "./_node/tidy-heap.ts";
import { openUdp } from "./_node/udp.ts";
import { createSystemClock } from "./_web/clock.ts";
import { createSystemRandom } from "./_web/random.ts";
import type { Platform } from "./types.ts";

/** The host when Bun runs us, from source or as a compiled executable. */
export function createBunPlatform(): Platform {
  const tookBytes = createTidyHeap(createCollect({ young: edenGC, whole: collectWhole }));
  return {
    name: "bun",
    env: process.env,
    clock: createSystemClock((timer) => (timer as NodeJS.Timeout).unref()),
    random: createSystemRandom(),
    serveHttp: (listen, handle) => serveBunHttp(listen, handle, tookBytes),
    ...createHttp2(createBunDial(tookBytes), createBunBind(tookBytes)),
    storageThread: startBunStorageThread,
    sqlite: openBunSqlite,
    files: createFiles(),
    tcp: (connect, handlers) => connectBunTcp(connect, handlers, tookBytes),
    udp: openUdp,
    lookup: lookupHost,
    process: createProcessControl(),
  };
}

/** portable: Bun's own call also gives what it freed back to the system, 10 MB of a stream's peak; JavaScriptCore's alone keeps it. */
function collectWhole(): number {
  Bun.gc(true);
  return heapSize();
}
