import assert from "node:assert/strict";
import { test } from "node:test";
import { testBackend } from "../../../scripts/backends.ts";
import type { StateOperation, StateQuery, StateSet, StateStore } from "../../../src/driver/state.ts";
import { encodeUtf8 } from "../../../src/kit/bytes.ts";
import { decodeMetadata } from "../../../src/kit/schema/decode.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { type RedisCommand, type RedisReply, RedisReplyError } from "../../_shared/redis-client.ts";
import { openRedis, type RedisConnection } from "../../_shared/redis-connection.ts";
import { readRedisSettings, redisFields } from "../../_shared/redis-settings.ts";
import { createQueryIndexes, parseQueryIndexes } from "./query-indexes.ts";
import { createRedisStore } from "./redis-store.ts";

/** The JSON module in Lua, as far as the scripts use it: documents are kept as text keys. */
const jsonModule = `
local server = redis
local function json(name, key, path, value)
  local text = server.call("GET", key)
  if name == "JSON.SET" then
    assert(path == "$", "only whole documents are written")
    cjson.decode(value)
    return server.call("SET", key, value, "KEEPTTL")
  end
  if name == "JSON.DEL" then return server.call("DEL", key) end
  if not text then return false end
  local member = cjson.decode(text)[string.sub(path, 2)]
  if member == nil then error("ERR Path '$" .. path .. "' does not exist") end
  return cjson.encode(member)
end
local redis = setmetatable({}, {__index = server})
redis.call = function(name, ...)
  if string.sub(name, 1, 5) == "JSON." then return json(name, ...) end
  local reply = server.call(name, ...)
  if name == "TYPE" and reply.ok == "string" then reply.ok = "ReJSON-RL" end
  return reply
end
redis.pcall = function(...)
  local ok, reply = pcall(redis.call, ...)
  if ok then return reply end
  return {err = tostring(reply)}
end
`;

const { signal } = new AbortController();
const run = crypto.randomUUID().slice(0, 8);
const isJson = { contentType: "application/json" };
const set = (key: string, text: string, more: Partial<StateSet> = {}): StateSet => ({
  key: `${run}||${key}`,
  value: { bytes: encodeUtf8(text), binary: false },
  etag: null,
  concurrency: "",
  consistency: "",
  metadata: isJson,
  ...more,
});
const read = async (store: StateStore, key: string, metadata = isJson as Record<string, string>) => {
  const item = await store.get({ key: `${run}||${key}`, consistency: "", metadata }, signal);
  return item === null ? null : [new TextDecoder().decode(item.bytes), item.etag];
};

const address = await testBackend("redis");
if (address === undefined) test("state.redis in JSON mode", { skip: "there is no redis-server" }, () => {});
else {
  const settings = readRedisSettings(decodeMetadata(redisFields(8), new Map([["redisHost", address]])), 8);
  const context = driverContext(await hostPlatform(), "store");
  const open = async (): Promise<{ store: StateStore; server: RedisConnection }> => {
    const server = await openRedis(settings, context);
    const redis: RedisConnection = {
      ...server,
      send(command, ...rest) {
        const [name, text, ...args] = command.args;
        if (name === "EVALSHA") return Promise.reject(new RedisReplyError("NOSCRIPT"));
        if (name !== "EVAL") return server.send(command, ...rest);
        return server.send({ ...command, args: ["EVAL", `${jsonModule}${text}`, ...args] }, ...rest);
      },
    };
    const options = { isCluster: false, hasJson: true, replicas: 0, defaultTtl: undefined, indexes: new Map() };
    return { store: await createRedisStore({ redis, ...options }), server };
  };
  const stored = async (server: RedisConnection, key: string): Promise<unknown> => {
    const reply = await server.send({ args: ["GET", `${run}||${key}`] });
    return reply instanceof Uint8Array ? new TextDecoder().decode(reply) : reply;
  };

  test("documents hold value and version, and their rules are those of hashes", async () => {
    const { store, server } = await open();
    assert.ok(store.features.includes("QUERY_API"));
    assert.equal(await read(store, "k"), null);
    await store.set(set("k", '{"a":[1,{"b":null}]}'), signal);
    assert.equal(await stored(server, "k"), '{"data":{"a":[1,{"b":null}]},"version":1}');
    assert.deepEqual(await read(store, "k"), ['{"a":[1,{"b":null}]}', "1"]);
    await store.set(set("k", "2", { etag: "1", concurrency: "first-write" }), signal);
    assert.equal(await stored(server, "k"), '{"data":2,"first-write":0,"version":2}');
    await assert.rejects(store.set(set("k", "3"), signal), { kind: "failed" });
    await assert.rejects(store.set(set("k", "3", { etag: "1" }), signal), { kind: "etagMismatch" });
    await assert.rejects(store.delete(set("k", "", { etag: "1" }), signal), { kind: "etagMismatch" });
    // The document is replaced as a whole, and the mark with it.
    await store.set(set("k", "3", { etag: "2" }), signal);
    assert.equal(await stored(server, "k"), '{"data":3,"version":3}');
    await store.set(set("k", "4"), signal);
    await store.delete(set("k", "", { etag: "4" }), signal);
    assert.equal(await stored(server, "k"), null);
    await store.set(set("k", "5", { etag: "77", metadata: { ...isJson, ttlInSeconds: "100" } }), signal);
    assert.equal(await stored(server, "k"), '{"data":5,"version":78}');
    assert.ok(Number(await server.send({ args: ["TTL", `${run}||k`] })) > 90);
    await store.close();
  });

  test("a transaction writes all or nothing, bytes that are JSON stay JSON", async () => {
    const { store, server } = await open();
    const upsert = (key: string, text: string, more: Partial<StateSet> = {}): StateOperation => ({
      kind: "upsert",
      request: set(key, text, { value: { bytes: encodeUtf8(text), binary: true }, metadata: {}, ...more }),
    });
    await store.transact!([upsert("t1", '{"a": 1}'), upsert("t2", "\u0001")], isJson, signal);
    assert.equal(await stored(server, "t1"), '{"data":{"a": 1},"version":1}');
    assert.equal(await stored(server, "t2"), '{"data":"AQ==","version":1}');
    const stale = [upsert("t1", "2", { etag: "1" }), upsert("t2", "2", { etag: "9" })];
    await assert.rejects(store.transact!(stale, isJson, signal), { kind: "etagMismatch" });
    assert.equal(await stored(server, "t1"), '{"data":{"a": 1},"version":1}');
    // One item alone may be JSON.
    await store.transact!([upsert("t1", "2", { metadata: isJson }), upsert("t3", "x")], {}, signal);
    assert.equal(await stored(server, "t1"), '{"data":2,"version":2}');
    assert.deepEqual(await read(store, "t3", {}), ["x", "1"]);
    await store.close();
  });

  test("a key is used in one mode only", async () => {
    const { store } = await open();
    await store.set(set("h", "1", { metadata: {} }), signal);
    await assert.rejects(store.set(set("h", "2"), signal), { kind: "failed", message: /holds no JSON document$/ });
    await assert.rejects(read(store, "h"), { kind: "failed" });
    assert.deepEqual(await read(store, "h", {}), ["1", "1"]);
    await store.set(set("j", "1"), signal);
    await store.set(set("j", "2", { metadata: {} }), signal);
    assert.deepEqual(await read(store, "j", {}), ["2", "1"]);
    await store.close();
  });
}

/** A server that notes what it is asked, and answers it from a list. */
function scripted(...replies: (RedisReply | Error)[]) {
  const asked: string[] = [];
  const redis: RedisConnection = {
    address: "test",
    async send({ args }: RedisCommand) {
      asked.push(args.join(" "));
      const reply = replies.shift() ?? null;
      if (reply instanceof Error) throw reply;
      return reply;
    },
    close() {},
  };
  return { redis, asked };
}
const indexes = parseQueryIndexes(
  JSON.stringify([
    {
      name: "people",
      indexes: [
        { key: "name", type: "TEXT" },
        { key: "city.zip", type: "NUMERIC" },
        { key: "kind", type: "TAG" },
      ],
    },
  ]),
);

test("indexes are made, and made anew", async () => {
  const fresh = scripted("OK");
  await createQueryIndexes(fresh.redis, indexes);
  const create =
    "FT.CREATE people ON JSON SCHEMA $.data.name AS var0 TEXT SORTABLE $.data.city.zip AS var1 NUMERIC SORTABLE $.data.kind AS var2 TAG SORTABLE";
  assert.deepEqual(fresh.asked, [create]);
  const present = scripted(new RedisReplyError("Index already exists"), "OK", "OK");
  await createQueryIndexes(present.redis, indexes);
  assert.deepEqual(present.asked, [create, "FT.DROPINDEX people", create]);
});

test("faults in the list of indexes are told", () => {
  for (const [text, message] of [
    ["{", /^redis store: error parsing query index schema: /],
    ['[{"indexes":[]}]', /: empty query schema name$/],
    ['[{"name":"a"},{"name":"a"}]', /: duplicate schema name a$/],
    ['[{"name":"a","indexes":[{"type":"TEXT"}]}]', /: empty key in query schema a$/],
    ['[{"name":"a","indexes":[{"key":"k"}]}]', /: empty type in query schema a$/],
    ["3", /queryIndexes must be a list/],
  ] as const)
    assert.throws(() => parseQueryIndexes(text), { kind: "badMetadata", message });
  assert.equal(parseQueryIndexes("").size, 0);
});

test("queries are translated, answered page by page, and kept to the caller's prefix", async () => {
  const row = (key: string): RedisReply[] => [key, ["$.data", '{"a":1}', "$.version", "2"]];
  const page = { limit: 0, token: "" };
  const ask = async (query: Partial<StateQuery>, ...replies: (RedisReply | Error)[]) => {
    const { redis, asked } = scripted(...replies);
    const store = await createRedisStore({
      redis,
      isCluster: false,
      hasJson: true,
      replicas: 0,
      defaultTtl: undefined,
      indexes,
    });
    const metadata = { queryIndexName: "people" };
    const defaults = { filter: null, sort: [], page, metadata, keyPrefix: "app||" };
    return { answer: await store.query!({ ...defaults, ...query }, signal), asked };
  };
  const end = "RETURN 2 $.data $.version";
  const all = await ask({ sort: [{ key: "city.zip", order: "DESC" }] }, [2, ...row("app||a"), ...row("other||b")]);
  assert.deepEqual(all.asked, [`FT.SEARCH people * SORTBY var1 DESC LIMIT 0 1000 ${end}`]);
  assert.deepEqual(all.answer, {
    results: [{ key: "app||a", bytes: encodeUtf8('{"a":1}'), etag: "2" }],
    token: "",
    metadata: {},
  });
  const first = await ask(
    { page: { limit: 2, token: "3" } },
    [9, ...row("other||a"), ...row("app||b")],
    [9, ...row("app||c"), ...row("app||d")],
  );
  assert.deepEqual(first.asked, [`FT.SEARCH people * LIMIT 3 2 ${end}`, `FT.SEARCH people * LIMIT 5 2 ${end}`]);
  assert.deepEqual([first.answer.results.map(({ key }) => key), first.answer.token], [["app||b", "app||c"], "6"]);
  assert.deepEqual((await ask({}, [0])).answer.results, []);

  for (const [filter, text] of [
    [{ op: "EQ", key: "name", value: "Ann-Mary | x" }, "(@var0:(Ann Mary x))"],
    [{ op: "NEQ", key: "city.zip", value: 1.5 }, "-(@var1:[1.5 1.5])"],
    [{ op: "GT", key: "city.zip", value: 1 }, "(@var1:[(1 +inf])"],
    [{ op: "GTE", key: "city.zip", value: 1 }, "(@var1:[1 +inf])"],
    [{ op: "LT", key: "city.zip", value: 1 }, "(@var1:[-inf (1])"],
    [{ op: "LTE", key: "city.zip", value: 1 }, "(@var1:[-inf 1])"],
    [{ op: "IN", key: "name", values: ["Ann Mary", "Bob"] }, "(@var0:((Ann Mary)|(Bob)))"],
    [{ op: "IN", key: "city.zip", values: [1, 2] }, "((@var1:[1 1])|(@var1:[2 2]))"],
    [{ op: "EQ", key: "kind", value: "a b" }, "(@var2:{a\\ b})"],
    [
      {
        op: "OR",
        filters: [
          { op: "EQ", key: "kind", value: true },
          {
            op: "AND",
            filters: [
              { op: "EQ", key: "name", value: "x" },
              { op: "GT", key: "city.zip", value: 2 },
            ],
          },
        ],
      },
      "((@var2:{true})|((@var0:(x)) (@var1:[(2 +inf])))",
    ],
  ] as const)
    assert.deepEqual((await ask({ filter }, [0])).asked, [`FT.SEARCH people ${text} LIMIT 0 1000 ${end}`]);

  for (const [query, message] of [
    [{ metadata: {} }, "query index not found"],
    [{ metadata: { queryIndexName: "x" } }, 'query index schema "x" not found'],
    [{ filter: { op: "EQ", key: "age", value: 1 } }, 'JSON path "age" is not indexed'],
    [{ filter: { op: "GT", key: "name", value: "a" } }, "unsupported type of value a; string type not permitted"],
    [{ filter: { op: "IN", key: "name", values: ["a"] } }, 'too few values in IN operator for key "name"'],
    [{ filter: { op: "EQ", key: "name", value: "--" } }, 'cannot search for "--": it holds no letters or digits'],
    [
      {
        sort: [
          { key: "name", order: "ASC" },
          { key: "kind", order: "ASC" },
        ],
      },
      "multiple SORTBY steps are not allowed. Sort multiple fields in a single step",
    ],
    [{ page: { limit: 1, token: "x" } }, 'cannot continue at token "x"'],
  ] as const)
    await assert.rejects(ask(query as Partial<StateQuery>), { kind: "badRequest", message });
});
