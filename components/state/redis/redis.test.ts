import { test } from "node:test";
import { testBackend } from "../../../scripts/backends.ts";
import type { DriverContext } from "../../../src/driver/context.ts";
import type { StateStore } from "../../../src/driver/state.ts";
import { stateConformance } from "../../../test/conformance/state.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./redis.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const lines: string[] = [];
const line = (message: string) => void lines.push(message);
const context = {
  name: "store",
  appId: "app",
  namespace: "",
  log: { debug: line, info: line, warn: line, error: line },
  signal,
  platform,
  clock: platform.clock,
  random: platform.random,
} as unknown as DriverContext;
const open = (metadata: Record<string, string>): Promise<StateStore> =>
  driver.open(new Map(Object.entries(metadata)), context);

const address = await testBackend("redis");
if (address === undefined) test("state.redis", { skip: "there is no redis-server" }, () => {});
else {
  stateConformance("state.redis", () => open({ redisHost: address }), ["ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"], {
    pass: (ms) => platform.clock.sleep(ms),
    staleEtag: "9999999",
    invalidEtag: "bad-etag",
    etagOnAbsentKey: "stored",
    deleteOfAbsentKey: "success",
    firstWriteOverOrdinary: "stored",
    firstWriteMarks: true,
    lastWriteIgnoresEtag: true,
    rewriteClearsTtl: false,
    tellsExpiry: false,
  });
}
