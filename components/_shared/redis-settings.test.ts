import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMetadata } from "../../src/kit/schema/decode.ts";
import { readRedisSettings, redisFields } from "./redis-settings.ts";
import { redisSlot } from "./redis-slot.ts";

const read = (metadata: Record<string, string>) =>
  readRedisSettings(decodeMetadata(redisFields(2000), new Map(Object.entries(metadata))), 2000);

test("hosts with and without ports", () => {
  for (const [metadata, host] of [
    [{}, "localhost:6379"],
    [{ redisHost: "" }, "localhost:6379"],
    [{ redisHost: "a:1" }, "a:1"],
    [{ redisHost: "a", redisPort: "7000" }, "a:7000"],
    [{ redisHost: "a:7000", redisPort: "7000" }, "a:7000"],
    [{ redisHost: "[::1]:7" }, "[::1]:7"],
    [{ redisHost: "::1" }, "[::1]:6379"],
    [{ redisHost: "a:1, b ,c:3", redisType: "cluster" }, "a:1,b:6379,c:3"],
    [{ redisHost: "a,b", failover: "true", sentinelMasterName: "m", redisPort: "26379" }, "a:26379,b:26379"],
  ] as const)
    assert.equal(read(metadata).host, host);
  assert.deepEqual(read({ redisHost: "[::1]:7" }).addresses, [{ host: "::1", port: 7 }]);
});

test("topologies", () => {
  assert.equal(read({ redisHost: "a" }).topology, "node");
  assert.equal(read({ redisHost: "a", redisType: "Cluster", redisDB: "3" }).topology, "cluster");
  assert.equal(read({ redisHost: "a", redisType: "cluster", redisDB: "3" }).database, 0);
  assert.equal(read({ redisHost: "a", redisDB: "3" }).database, 3);
  const sentinel = read({ redisHost: "a", failover: "1", sentinelMasterName: "m", sentinelPassword: "p" });
  assert.deepEqual([sentinel.topology, sentinel.sentinel], ["sentinel", { master: "m", username: "", password: "p" }]);
});

test("times are milliseconds, and negative ones turn things off", () => {
  const { maxRetries, minBackoff, maxBackoff, dialTimeout, readTimeout, writeTimeout } = read({});
  assert.deepEqual(
    [maxRetries, minBackoff, maxBackoff, dialTimeout, readTimeout, writeTimeout],
    [3, 2000, 512, 5000, 3000, 3000],
  );
  const set = read({
    maxRetries: "5",
    redisMinRetryInterval: "10",
    redisMaxRetryInterval: "1s",
    dialTimeout: "250ms",
    readTimeout: "-1",
    writeTimeout: "700",
  });
  assert.deepEqual(
    [set.maxRetries, set.minBackoff, set.maxBackoff, set.dialTimeout, set.readTimeout, set.writeTimeout],
    [5, 10, 1000, 250, undefined, 700],
  );
  assert.equal(read({ redisMaxRetries: "-1", maxRetries: "7" }).maxRetries, 0);
  assert.equal(read({ maxRetryBackoff: "5000000" }).minBackoff, 5);
  assert.equal(read({ maxRetryBackoff: "5000000", redisMinRetryInterval: "9" }).minBackoff, 9);
});

test("TLS takes a certificate only with its key", () => {
  assert.equal(read({ clientCert: "c", clientKey: "k" }).tls, undefined);
  assert.deepEqual(read({ enableTLS: "true", clientCert: "c" }).tls, { insecure: false });
  assert.deepEqual(read({ enableTLS: "T", clientCert: "c", clientKey: "k", insecureSkipTLSVerify: "1" }).tls, {
    cert: "c",
    key: "k",
    insecure: true,
  });
});

test("faults are told", () => {
  for (const [metadata, message] of [
    [
      { redisHost: "a:1", redisPort: "2" },
      /^redis client configuration error: redis host "a:1" already contains port 1, but redisPort is set to 2; either remove the port from redisHost or remove the redisPort setting$/,
    ],
    [{ redisHost: "a,b" }, /names several addresses/],
    [{ redisHost: "," }, /names no address/],
    [{ failover: "true" }, /needs "sentinelMasterName"/],
    [{ redisPort: "70000" }, /70000 is no port/],
    [{ redisDB: "-1" }, /-1 is no database/],
    [{ useEntraID: "true" }, /cannot sign in with "useEntraID"/],
    [{ useOIDC: "true" }, /cannot sign in with "useOIDC"/],
    [{ maxRetryBackoff: "1s" }, /^redis store error: can't parse maxRetryBackoff field: "1s"$/],
  ] as const)
    assert.throws(() => read(metadata), { kind: "badMetadata", message });
  assert.throws(
    () => read({ readTimeout: "soon" }),
    /"soon" is not a duration, write for example 3s or a number of milli/,
  );
});

test("hash slots of keys", () => {
  // The first is the check value of the cluster specification.
  for (const [key, slot] of [
    ["123456789", 12739],
    ["foo", 12182],
    ["{user1000}.following", redisSlot("user1000")],
    ["foo{}{bar}", 8363],
    ["foo{{bar}}zap", redisSlot("{bar")],
    ["foo{bar}{zap}", redisSlot("bar")],
    ["", 0],
  ] as const)
    assert.equal(redisSlot(key), slot, key);
});
