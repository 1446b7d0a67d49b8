import { createFiles } from "./_node/files.ts";
import { serveDenoHttp } from "./_node/http-deno.ts";
import { createHttp2 } from "./_node/http2.ts";
import { lookupHost } from "./_node/lookup.ts";
import { createProcessControl } from "./_node/process.ts";
import { openNodeSqlite } from "./_node/sqlite-node.ts";
import { connectTcp } from "./_node/tcp.ts";
import { startWebThread } from "./_node/thread-web.ts";
import { openUdp } from "./_node/udp.ts";
import { createSystemClock } from "./_web/clock.ts";
import { createSystemRandom } from "./_web/random.ts";
import type { Platform } from "./types.ts";

function unref(timer: unknown): void {
  // portable: Deno's timers are numbers, or objects where its Node types are in force
  if (typeof timer === "number")
    (globalThis as unknown as { Deno: { unrefTimer(id: number): void } }).Deno.unrefTimer(timer);
  else (timer as NodeJS.Timeout).unref();
}

/** The host when Deno runs our sources, with all permissions (`-A`). */
export function createDenoPlatform(): Platform {
  return {
    name: "deno",
    env: process.env,
    clock: createSystemClock(unref),
    random: createSystemRandom(),
    serveHttp: serveDenoHttp,
    ...createHttp2(),
    storageThread: () => startWebThread(new URL("../storage/writer-thread.ts", import.meta.url)),
    sqlite: openNodeSqlite,
    files: createFiles(),
    tcp: connectTcp,
    udp: openUdp,
    lookup: lookupHost,
    process: createProcessControl(),
  };
}
