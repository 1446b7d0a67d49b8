import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createClient } from "redis";
import { startBackend } from "../../scripts/backends.ts";
import { freePort } from "../../scripts/free-ports.ts";
import { decodeUtf8 } from "../../src/kit/bytes.ts";
import { decodeMetadata } from "../../src/kit/schema/decode.ts";
import { driverContext } from "../../test/harness/driver-context.ts";
import { hostPlatform } from "../../test/harness/host-platform.ts";
import { redisCommand, startRedisCluster } from "../../test/harness/redis-cluster.ts";
import { temporaryFolder } from "../../test/harness/temporary-folder.ts";
import { alpha, authority } from "../../test/platform/certificates.ts";
import { openRedis, type RedisConnection } from "./redis-connection.ts";
import { readRedisSettings, redisFields } from "./redis-settings.ts";
import { redisSlot } from "./redis-slot.ts";

const platform = await hostPlatform();
const lines: string[] = [];
const line = (message: string) => void lines.push(message);
const log = { debug: line, info: line, warn: line, error: line };
const context = driverContext(platform, "redis", { log });
const open = (metadata: Record<string, string>): Promise<RedisConnection> =>
  openRedis(readRedisSettings(decodeMetadata(redisFields(8), new Map(Object.entries(metadata))), 8), context);
const text = (reply: unknown): unknown => (reply instanceof Uint8Array ? decodeUtf8(reply) : reply);

/** Asks until the answer is right; what is asked has 30 s. */
async function eventually(what: string, ask: () => Promise<boolean>): Promise<void> {
  const until = platform.clock.monotonic() + 30_000;
  while (!(await ask().catch(() => false))) {
    assert.ok(platform.clock.monotonic() < until, `${what} did not come true within 30 s`);
    await platform.clock.sleep(50);
  }
}
const probe = await startBackend("redis");
if (probe === undefined) test("connections to Redis", { skip: "there is no redis-server" }, () => {});
else {
  await probe.stop();

  test("a cluster: keys find their node, scans reach all", async () => {
    const { nodes, stop } = await startRedisCluster();
    const redis = await open({ redisHost: `${nodes[1]?.address},127.0.0.1:1`, redisType: "cluster" });
    const keys = Array.from({ length: 30 }, (_, at) => `key-${at}`);
    assert.ok(new Set(keys.map((key) => Math.floor(redisSlot(key) / 5462))).size === 3);
    for (const key of keys) assert.equal(text(await redis.send({ args: ["SET", key, key], key })), "OK");
    for (const key of keys) assert.equal(text(await redis.send({ args: ["GET", key], key, isRead: true })), key);
    const script = "return {KEYS[1], ARGV[1]}";
    const reply = await redis.send({ args: ["EVAL", script, 1, "key-7", "x"], key: "key-7" });
    assert.deepEqual((reply as unknown[]).map(text), ["key-7", "x"]);
    const found = new Set<unknown>();
    let cursor = "0";
    do {
      const page = (await redis.send({ args: ["SCAN", cursor, "COUNT", 1000], isRead: true })) as unknown[];
      cursor = String(text(page[0]));
      for (const key of page[1] as unknown[]) found.add(text(key));
    } while (cursor !== "0");
    assert.deepEqual([...found].sort(), keys.toSorted());
    redis.close();
    await stop();
  });

  test("sentinels: the server in charge is found, and found again after it changed", async () => {
    const main = (await startBackend("redis"))!;
    const replica = (await startBackend("redis", { args: ["--replicaof", "127.0.0.1", String(main.port)] }))!;
    await eventually("a replica", async () =>
      (await redisCommand(main, "INFO", "replication")).includes("state=online"),
    );
    const config = join(temporaryFolder().path, "sentinel.conf");
    writeFileSync(
      config,
      `sentinel monitor prime 127.0.0.1 ${main.port} 1
sentinel down-after-milliseconds prime 500
sentinel failover-timeout prime 2000
requirepass watch
`,
    );
    const watch = (await startBackend("redis", { config, args: ["--sentinel"] }))!;
    const settings = { redisHost: `127.0.0.1:1,${watch.address}`, failover: "true", sentinelMasterName: "prime" };
    const redis = await open({ ...settings, sentinelPassword: "watch" });
    assert.equal(text(await redis.send({ args: ["SET", "k", "1"], key: "k" })), "OK");
    const whom = async () => (await redis.send({ args: ["CONFIG", "GET", "port"], isRead: true })) as unknown[];
    assert.equal(text((await whom())[1]), String(main.port));
    await eventually("a known replica", async () => {
      const client = await createClient({ url: `redis://:watch@${watch.address}`, RESP: 2 }).connect();
      const replicas = await client.sendCommand(["SENTINEL", "replicas", "prime"]);
      client.destroy();
      return JSON.stringify(replicas).includes(String(replica.port));
    });
    await main.stop();
    await eventually("a new server in charge", async () => {
      const reply = await redis.send({ args: ["SET", "k", "2"], key: "k" });
      return text(reply) === "OK" && text((await whom())[1]) === String(replica.port);
    });
    assert.equal(text(await redis.send({ args: ["GET", "k"], key: "k", isRead: true })), "2");
    redis.close();
    await watch.stop();
    await replica.stop();
  });

  test("TLS: certificates are verified, ours is shown", async () => {
    const folder = temporaryFolder().path;
    const file = (name: string, content: string) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const tls = [
      "--tls-cert-file",
      file("cert.pem", alpha.cert),
      "--tls-key-file",
      file("key.pem", alpha.key),
      "--tls-ca-cert-file",
      file("ca.pem", authority),
    ];
    const port = await freePort();
    const server = (await startBackend("redis", { args: ["--tls-port", String(port), ...tls] }))!;
    const settings = { redisHost: `127.0.0.1:${port}`, enableTLS: "true", redisMaxRetries: "-1" };
    await assert.rejects(open(settings), { kind: "unavailable", message: /certificate|issuer/i });
    await assert.rejects(open({ ...settings, insecureSkipTLSVerify: "true" }), { kind: "unavailable" });
    const redis = await open({
      ...settings,
      insecureSkipTLSVerify: "true",
      clientCert: alpha.cert,
      clientKey: alpha.key,
    });
    assert.equal(text(await redis.send({ args: ["PING"] })), "PONG");
    redis.close();
    await server.stop();
  });
}
