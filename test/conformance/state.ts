import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DriverError } from "../../src/driver/errors.ts";
import type {
  QueryFilter,
  StateDelete,
  StateFeature,
  StateGet,
  StateItem,
  StateOperation,
  StateQuery,
  StateSet,
  StateStore,
} from "../../src/driver/state.ts";

/** How a store under test differs from the others; what the spec's table of state stores says. */
export interface StateTraits {
  /** Lets time pass for the store: moves its virtual clock or really waits. */
  pass(ms: number): Promise<void>;
  /** An ETag that is well formed and fits nothing. Default a UUID. */
  readonly staleEtag?: string;
  /** An ETag that no value can have, where the store tells it from a stale one. */
  readonly invalidEtag?: string;
  /** Whether concurrency `last-write` makes a store ignore the ETag that came with it. Default false. */
  readonly lastWriteIgnoresEtag?: boolean;
  /** A set with an ETag on a key that is absent. Default `mismatch`. */
  readonly etagOnAbsentKey?: "mismatch" | "stored";
  /** A delete with an ETag on a key that is absent. Default `mismatch`. */
  readonly deleteOfAbsentKey?: "mismatch" | "success";
  /** First-write without ETag over a key that an ordinary write made. Default `refused`. */
  readonly firstWriteOverOrdinary?: "refused" | "stored";
  /** Whether a write without a time to live removes the one before. Default true. */
  readonly rewriteClearsTtl?: boolean;
  /** Whether get tells `ttlExpireTime`. Default true. */
  readonly tellsExpiry?: boolean;
  /** Whether a failing operation undoes the whole transaction. Default true. */
  readonly rollsBack?: boolean;
  /** Rounds of the model test. Default 40. */
  readonly modelRuns?: number;
}

const { signal } = new AbortController();
const none = { consistency: "" as const, metadata: {} };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const getOf = (key: string): StateGet => ({ key, ...none });
const setOf = (key: string, json: unknown, more: Partial<StateSet> = {}): StateSet => ({
  key,
  value: { bytes: encoder.encode(JSON.stringify(json)), binary: false },
  etag: null,
  concurrency: "",
  ...none,
  ...more,
});
const deleteOf = (key: string, more: Partial<StateDelete> = {}): StateDelete => ({
  key,
  etag: null,
  concurrency: "",
  ...none,
  ...more,
});
const textOf = (item: StateItem | null): string | null => (item === null ? null : decoder.decode(item.bytes));
const isDriverError =
  (kind?: string) =>
  (error: unknown): boolean => {
    assert.ok(DriverError.is(error), `${error} is no DriverError`);
    if (kind !== undefined) assert.equal(error.kind, kind, error.message);
    assert.notEqual(error.message, "");
    return true;
  };

/**
 * The behaviour that all state stores share. `open` gives a store; it may hold keys of earlier tests, because every test
 * uses keys of its own. `features` switches cases on and must be what the store says of itself.
 */
export function stateConformance(
  name: string,
  open: () => Promise<StateStore>,
  features: readonly StateFeature[],
  traits: StateTraits,
): void {
  const has = (feature: StateFeature): boolean => features.includes(feature);
  const stale = traits.staleEtag ?? "0f1e2d3c-0000-4000-8000-000000000000";
  const rewriteClearsTtl = traits.rewriteClearsTtl ?? true;
  const run = crypto.randomUUID().slice(0, 8);
  let tests = 0;
  const check = (what: string, body: (store: StateStore, key: (name?: string) => string) => Promise<void>): void => {
    const scope = `conf${run}-${tests++}||`;
    test(`${name}: ${what}`, async () => {
      const store = await open();
      try {
        await body(store, (own = "k") => scope + own);
      } finally {
        await store.close();
      }
    });
  };
  const read = async (store: StateStore, key: string): Promise<string | null> =>
    textOf(await store.get(getOf(key), signal));
  const etagOf = async (store: StateStore, key: string): Promise<string> => {
    const etag = (await store.get(getOf(key), signal))?.etag;
    assert.ok(typeof etag === "string" && etag !== "", `${key} has no ETag`);
    return etag;
  };

  check("features are what was announced, and methods agree with them", async (store) => {
    assert.deepEqual([...store.features].sort(), [...features].sort());
    assert.equal(store.transact !== undefined, has("TRANSACTIONAL"));
    assert.equal(store.query !== undefined, has("QUERY_API"));
    assert.equal(store.keysLike !== undefined, has("KEYS_LIKE"));
    assert.equal(store.deletePrefix !== undefined, has("DELETE_WITH_PREFIX"));
    await store.ping?.(signal);
  });

  check("set, get, overwrite, delete", async (store, key) => {
    assert.equal(await store.get(getOf(key()), signal), null);
    await store.set(setOf(key(), { a: 1 }), signal);
    assert.equal(await read(store, key()), '{"a":1}');
    await store.set(setOf(key(), [true, null]), signal);
    assert.equal(await read(store, key()), "[true,null]");
    await store.delete(deleteOf(key()), signal);
    assert.equal(await store.get(getOf(key()), signal), null);
    await store.delete(deleteOf(key()), signal);
  });

  check("JSON text comes back byte for byte", async (store, key) => {
    for (const text of [
      '"x"',
      '""',
      "null",
      "0",
      "-1.5e-7",
      "false",
      "[]",
      '{"b":"\\u003cx\\u003e","a":"ä\u{1f600}"}',
    ]) {
      await store.set(setOf(key(), null, { value: { bytes: encoder.encode(text), binary: false } }), signal);
      assert.equal(await read(store, key()), text);
    }
  });

  check("binary values of any content and size come back as they were", async (store, key) => {
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    const large = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) & 0xff);
    for (const bytes of [new Uint8Array(), new Uint8Array([0]), all, large, encoder.encode('{"a":1}')]) {
      await store.set(setOf(key(), null, { value: { bytes, binary: true } }), signal);
      assert.deepEqual(new Uint8Array((await store.get(getOf(key()), signal))?.bytes ?? []), bytes);
    }
  });

  check("a value is not a view of the caller's buffer", async (store, key) => {
    const bytes = encoder.encode('"before"');
    await store.set(setOf(key(), null, { value: { bytes, binary: false } }), signal);
    bytes.fill(0x20);
    assert.equal(await read(store, key()), '"before"');
  });

  check("unusual keys are kept apart", async (store, key) => {
    const names = [
      "a",
      "A",
      " ",
      "ä",
      "\u{1f600}",
      "a%",
      "a_",
      "a\\",
      "a'b\"c",
      "a||b",
      "a/b?c#d",
      "x".repeat(500),
      "*",
      "a\tb\nc",
    ];
    for (const [index, each] of names.entries()) await store.set(setOf(key(each), index), signal);
    for (const [index, each] of names.entries()) assert.equal(await read(store, key(each)), String(index), each);
    for (const each of names) await store.delete(deleteOf(key(each)), signal);
    for (const each of names) assert.equal(await read(store, key(each)), null, each);
  });

  check("bulk methods, where there are some, answer for each key", async (store, key) => {
    const sets = ["a", "b", "c"].map((each, index) => setOf(key(each), index));
    if (store.bulkSet === undefined) await Promise.all(sets.map((each) => store.set(each, signal)));
    else assert.deepEqual(await store.bulkSet(sets, signal), [null, null, null]);
    if (store.bulkGet !== undefined) {
      const answer = await store.bulkGet([getOf(key("c")), getOf(key("none")), getOf(key("a"))], 10, signal);
      const values = new Map(answer.map((each) => [each.key, textOf(each.item)]));
      assert.equal(answer.length, 3);
      assert.deepEqual([values.get(key("a")), values.get(key("c")), values.get(key("none"))], ["0", "2", null]);
      assert.deepEqual(await store.bulkGet([], 10, signal), []);
    }
    if (store.bulkDelete !== undefined) {
      const answer = await store.bulkDelete([deleteOf(key("a")), deleteOf(key("none"))], signal);
      assert.deepEqual(answer, [null, null]);
      assert.equal(await read(store, key("a")), null);
    }
  });

  if (has("ETAG")) {
    check("each write gives another ETag, and only the present one lets a write through", async (store, key) => {
      await store.set(setOf(key(), 1), signal);
      const first = await etagOf(store, key());
      await store.set(setOf(key(), 2, { etag: first }), signal);
      const second = await etagOf(store, key());
      assert.notEqual(second, first);
      for (const concurrency of ["", "first-write", "last-write"] as const) {
        if (concurrency !== "last-write" || !traits.lastWriteIgnoresEtag)
          await assert.rejects(
            store.set(setOf(key(), 3, { etag: first, concurrency }), signal),
            isDriverError("etagMismatch"),
          );
      }
      await assert.rejects(store.set(setOf(key(), 3, { etag: stale }), signal), isDriverError("etagMismatch"));
      await assert.rejects(store.delete(deleteOf(key(), { etag: stale }), signal), isDriverError("etagMismatch"));
      assert.equal(await read(store, key()), "2");
      await store.delete(deleteOf(key(), { etag: second }), signal);
      assert.equal(await read(store, key()), null);
    });

    check("an ETag on a key that is absent", async (store, key) => {
      const set = store.set(setOf(key(), 1, { etag: stale }), signal);
      if (traits.etagOnAbsentKey === "stored") await set;
      else await assert.rejects(set, isDriverError("etagMismatch"));
      const remove = store.delete(deleteOf(key("none"), { etag: stale }), signal);
      if (traits.deleteOfAbsentKey === "success") await remove;
      else await assert.rejects(remove, isDriverError("etagMismatch"));
    });

    if (traits.invalidEtag !== undefined)
      check("an ETag that is none is told apart", async (store, key) => {
        await store.set(setOf(key(), 1), signal);
        await assert.rejects(
          store.set(setOf(key(), 2, { etag: traits.invalidEtag! }), signal),
          isDriverError("etagInvalid"),
        );
      });

    check("an empty ETag counts as none", async (store, key) => {
      await store.set(setOf(key(), 1, { etag: "" }), signal);
      await store.set(setOf(key(), 2, { etag: "" }), signal);
      await store.delete(deleteOf(key(), { etag: "" }), signal);
      assert.equal(await read(store, key()), null);
    });

    check("of writers with the same ETag exactly one wins", async (store, key) => {
      await store.set(setOf(key(), 0), signal);
      const etag = await etagOf(store, key());
      const settled = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) =>
          store.set(setOf(key(), index, { etag, concurrency: "first-write" }), signal),
        ),
      );
      assert.equal(settled.filter(({ status }) => status === "fulfilled").length, 1);
      const winner = settled.findIndex(({ status }) => status === "fulfilled");
      assert.equal(await read(store, key()), String(winner));
    });

    check("first-write stores only what was absent", async (store, key) => {
      const firstWrite = { concurrency: "first-write" } as const;
      await store.set(setOf(key(), 1, firstWrite), signal);
      await assert.rejects(store.set(setOf(key(), 2, firstWrite), signal), isDriverError());
      await assert.rejects(store.set(setOf(key(), 2, { ...firstWrite, etag: "" }), signal), isDriverError());
      await assert.rejects(
        store.set(setOf(key(), 2, { ...firstWrite, etag: stale }), signal),
        isDriverError("etagMismatch"),
      );
      assert.equal(await read(store, key()), "1");
      await store.set(setOf(key("ordinary"), 1), signal);
      const over = store.set(setOf(key("ordinary"), 2, firstWrite), signal);
      if (traits.firstWriteOverOrdinary === "stored") await over;
      else await assert.rejects(over, isDriverError());
      await store.delete(deleteOf(key()), signal);
      await store.set(setOf(key(), 3, firstWrite), signal);
      assert.equal(await read(store, key()), "3");
    });
  }

  if (has("TTL")) {
    const ttl = (seconds: string): Partial<StateSet> => ({ metadata: { ttlInSeconds: seconds } });

    check("a value with a time to live goes when it is over", async (store, key) => {
      await store.set(setOf(key(), 1, ttl("2")), signal);
      await store.set(setOf(key("stays"), 1), signal);
      const item = await store.get(getOf(key()), signal);
      assert.equal(textOf(item), "1");
      if (traits.tellsExpiry ?? true)
        assert.match(item?.metadata["ttlExpireTime"] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.equal((await store.get(getOf(key("stays")), signal))?.metadata["ttlExpireTime"], undefined);
      await traits.pass(3100);
      assert.equal(await store.get(getOf(key()), signal), null);
      if (store.bulkGet !== undefined)
        assert.deepEqual((await store.bulkGet([getOf(key())], 1, signal))[0]?.item, null);
      assert.equal(await read(store, key("stays")), "1");
    });

    check("-1, 0 and a write without one take the time to live away", async (store, key) => {
      const later: [string, Partial<StateSet>][] = [
        ["minus", ttl("-1")],
        ["zero", ttl("0")],
        ...(rewriteClearsTtl ? [["absent", {}] as [string, Partial<StateSet>]] : []),
      ];
      for (const [each] of later) await store.set(setOf(key(each), 1, ttl("2")), signal);
      for (const [each, more] of later) await store.set(setOf(key(each), 2, more), signal);
      await traits.pass(3100);
      for (const [each] of later) assert.equal(await read(store, key(each)), "2", each);
    });

    check("a time to live that is no number is refused", async (store, key) => {
      await assert.rejects(store.set(setOf(key(), 1, ttl("foo")), signal), isDriverError());
      await assert.rejects(store.set(setOf(key(), 1, ttl("1.5")), signal), isDriverError());
      assert.equal(await read(store, key()), null);
    });

    if (has("ETAG") && rewriteClearsTtl)
      check("an expired key is free for a first write", async (store, key) => {
        await store.set(setOf(key(), 1, { concurrency: "first-write", ...ttl("1") }), signal);
        await traits.pass(3100);
        await store.set(setOf(key(), 2, { concurrency: "first-write" }), signal);
        assert.equal(await read(store, key()), "2");
      });
  }

  if (has("TRANSACTIONAL")) {
    const upsert = (request: StateSet): StateOperation => ({ kind: "upsert", request });
    const remove = (request: StateDelete): StateOperation => ({ kind: "delete", request });

    check("a transaction runs in order", async (store, key) => {
      await store.transact?.([], {}, signal);
      await store.set(setOf(key("first"), 0), signal);
      await store.transact?.(
        [
          remove(deleteOf(key("first"))),
          upsert(setOf(key("second"), 1)),
          remove(deleteOf(key("second"))),
          upsert(setOf(key("third"), 1)),
          upsert(setOf(key("third"), 2)),
          remove(deleteOf(key("never there"))),
        ],
        {},
        signal,
      );
      assert.equal(await read(store, key("first")), null);
      assert.equal(await read(store, key("second")), null);
      assert.equal(await read(store, key("third")), "2");
    });

    check("a transaction of one operation", async (store, key) => {
      await store.transact?.([upsert(setOf(key(), 1))], {}, signal);
      assert.equal(await read(store, key()), "1");
    });

    if (has("ETAG") && (traits.rollsBack ?? true))
      check("a transaction with one bad ETag leaves nothing", async (store, key) => {
        await store.set(setOf(key("a"), 1), signal);
        await store.set(setOf(key("b"), 1), signal);
        const etag = await etagOf(store, key("a"));
        const operations = [
          upsert(setOf(key("a"), 2, { etag })),
          remove(deleteOf(key("b"))),
          upsert(setOf(key("c"), 2, { etag: stale })),
        ];
        await assert.rejects(store.transact!(operations, {}, signal), isDriverError("etagMismatch"));
        assert.deepEqual(
          [await read(store, key("a")), await read(store, key("b")), await read(store, key("c"))],
          ["1", "1", null],
        );
      });

    if (has("TTL"))
      check("a time to live in a transaction", async (store, key) => {
        await store.transact?.(
          [upsert(setOf(key(), 1, { metadata: { ttlInSeconds: "1" } })), upsert(setOf(key("b"), 1))],
          {},
          signal,
        );
        await traits.pass(3100);
        assert.deepEqual([await read(store, key()), await read(store, key("b"))], [null, "1"]);
      });
  }

  if (has("KEYS_LIKE")) {
    const keysLike = async (
      store: StateStore,
      pattern: string,
      size = 0,
      token = "",
    ): Promise<{ keys: string[]; token: string }> => {
      assert.ok(store.keysLike);
      return store.keysLike(pattern, size, token, signal);
    };
    const escaped = (text: string): string => text.replace(/[\\%_]/g, "\\$&");

    check("keysLike finds keys by pattern, wildcards can be made plain", async (store, key) => {
      const names = ["abc", "abd", "axc", "a%c", "a_c", "a\\c", "b", "[ab]", "a*c", "a?c"];
      for (const each of names) await store.set(setOf(key(each), 1), signal);
      const base = escaped(key(""));
      const find = async (pattern: string): Promise<string[]> =>
        (await keysLike(store, base + pattern)).keys.map((each) => each.slice(key("").length)).sort();
      assert.deepEqual(await find("abc"), ["abc"]);
      assert.deepEqual(await find("ab_"), ["abc", "abd"]);
      assert.deepEqual(await find("a_c"), ["a%c", "a*c", "a?c", "a\\c", "a_c", "abc", "axc"]);
      assert.deepEqual(await find("a\\%c"), ["a%c"]);
      assert.deepEqual(await find("a\\_c"), ["a_c"]);
      assert.deepEqual(await find("a\\\\c"), ["a\\c"]);
      assert.deepEqual(await find("[ab]"), ["[ab]"]);
      assert.deepEqual(await find("a*c"), ["a*c"]);
      assert.deepEqual(await find("a?c"), ["a?c"]);
      assert.deepEqual(await find("%b%"), ["[ab]", "abc", "abd", "b"]);
      assert.deepEqual(await find("%"), names.sort());
      assert.deepEqual(await find("none%"), []);
      await assert.rejects(keysLike(store, ""), { message: "keys like pattern cannot be empty" });
    });

    check("keysLike goes on from page to page, also when keys vanish between", async (store, key) => {
      const names = Array.from({ length: 10 }, (_, index) => key(`p${index}`));
      for (const each of names) await store.set(setOf(each, 1), signal);
      const pattern = `${escaped(key("p"))}%`;
      const seen: string[] = [];
      let token = "";
      let pages = 0;
      do {
        const page = await keysLike(store, pattern, 3, token);
        assert.ok(page.keys.length <= 3);
        seen.push(...page.keys);
        token = page.token;
        pages++;
      } while (token !== "" && pages < 10);
      assert.deepEqual(seen.sort(), names.sort());
      const first = await keysLike(store, pattern, 4);
      assert.equal(first.keys.length, 4);
      for (const each of first.keys.slice(0, 1)) await store.delete(deleteOf(each), signal);
      assert.equal((await keysLike(store, pattern)).keys.length, 9);
    });

    if (has("TTL"))
      check("keysLike hides what is expired", async (store, key) => {
        await store.set(setOf(key("t1"), 1, { metadata: { ttlInSeconds: "1" } }), signal);
        await store.set(setOf(key("t2"), 1), signal);
        await traits.pass(3100);
        assert.deepEqual((await keysLike(store, `${escaped(key("t"))}%`)).keys, [key("t2")]);
      });
  }

  if (has("DELETE_WITH_PREFIX"))
    check("deletePrefix takes one level away", async (store, key) => {
      const deletePrefix = (prefix: string): Promise<number> | undefined => store.deletePrefix?.(prefix, signal);
      for (const each of ["a||b||1", "a||b||2", "a||b||c||3", "a||bc", "a||b"])
        await store.set(setOf(key(each), 1), signal);
      assert.equal(await deletePrefix(key("a||b")), 2);
      assert.equal(await deletePrefix(key("a||b||")), 0);
      for (const each of ["a||b||c||3", "a||bc", "a||b"]) assert.equal(await read(store, key(each)), "1", each);
      for (const empty of ["", "||"])
        await assert.rejects(async () => deletePrefix(empty), {
          message: "a prefix is required for deleteWithPrefix request",
        });
    });

  if (has("QUERY_API")) queryCases(check);

  check("any run of operations does what a Map does", async (store, key) => {
    const names = ["a", "b", "c"];
    const operation = fc.record({
      op: fc.constantFrom("set", "etag", "stale", "first", "delete", "deleteEtag", "get"),
      name: fc.constantFrom(...names),
      value: fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.array(fc.boolean(), { maxLength: 3 })),
      binary: fc.boolean(),
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
        const own = (each: string): string => key(`${round}-${each}`);
        round++;
        const model = new Map<string, { text: string; etag: string | null }>();
        const refresh = async (each: string): Promise<void> => {
          const item = await store.get(getOf(own(each)), signal);
          assert.equal(textOf(item), model.get(each)?.text ?? null);
          const known = model.get(each);
          if (known !== undefined) known.etag = item?.etag ?? null;
        };
        for (const { op, name: each, value, binary } of operations) {
          const text = JSON.stringify(value);
          const request = setOf(own(each), null, { value: { bytes: encoder.encode(text), binary } });
          const known = model.get(each);
          const put = async (more: Partial<StateSet>): Promise<void> => {
            await store.set({ ...request, ...more }, signal);
            model.set(each, { text, etag: null });
          };
          if (op === "set") await put({});
          else if (op === "etag" && known?.etag) await put({ etag: known.etag });
          else if (op === "stale" && known !== undefined && has("ETAG"))
            await assert.rejects(put({ etag: stale }), isDriverError("etagMismatch"));
          else if (op === "first" && has("ETAG")) {
            if (known === undefined) await put({ concurrency: "first-write" });
            else if (traits.firstWriteOverOrdinary !== "stored")
              await assert.rejects(put({ concurrency: "first-write" }), isDriverError());
          } else if (op === "delete" || (op === "deleteEtag" && known?.etag)) {
            await store.delete(deleteOf(own(each), { etag: op === "delete" ? null : known!.etag }), signal);
            model.delete(each);
          }
          await refresh(each);
        }
        for (const each of names) await refresh(each);
      }),
      { numRuns: traits.modelRuns ?? 40 },
    );
  });
}

function queryCases(
  check: (what: string, run: (store: StateStore, key: (name?: string) => string) => Promise<void>) => void,
): void {
  const people = {
    ann: { name: "Ann", age: 30, city: { name: "Oslo", zip: 150 }, active: true, note: null },
    bob: { name: "Bob", age: 25, city: { name: "Rome" }, active: false },
    cid: { name: "cid", age: 30.5, city: { name: "Oslo", zip: "150" }, tags: ["x"] },
    dan: { name: "Dan", age: "30", city: "Oslo" },
    eve: { name: "\u{1f600}", city: { name: "\uff5e" } },
  };
  const page = { limit: 0, token: "" };
  const prepared = async (store: StateStore, key: (name?: string) => string) => {
    for (const [each, value] of Object.entries(people)) await store.set(setOf(key(each), value), signal);
    await store.set(setOf(key("raw"), null, { value: { bytes: new Uint8Array([1, 2]), binary: true } }), signal);
    await store.set(setOf(`other${key("ann")}`, people.ann), signal);
    const run = (query: Partial<StateQuery>) =>
      store.query!({ filter: null, sort: [], page, metadata: {}, keyPrefix: key(""), ...query }, signal);
    const names = async (filter: QueryFilter | null, sort: StateQuery["sort"] = []): Promise<string> =>
      (await run({ filter, sort })).results.map((row) => row.key.slice(key("").length)).join(" ");
    return { run, names };
  };

  check("query: each operator, by the kind of the value", async (store, key) => {
    const { names } = await prepared(store, key);
    assert.equal(await names(null), "ann bob cid dan eve");
    assert.equal(await names({ op: "EQ", key: "age", value: 30 }), "ann");
    assert.equal(await names({ op: "EQ", key: "age", value: "30" }), "dan");
    assert.equal(await names({ op: "EQ", key: "city.name", value: "Oslo" }), "ann cid");
    assert.equal(await names({ op: "EQ", key: "active", value: true }), "ann");
    assert.equal(await names({ op: "EQ", key: "active", value: 1 }), "");
    assert.equal(await names({ op: "EQ", key: "note", value: null }), "ann bob cid dan eve");
    assert.equal(await names({ op: "NEQ", key: "city.name", value: "Oslo" }), "bob dan eve");
    assert.equal(await names({ op: "GT", key: "age", value: 25 }), "ann cid");
    assert.equal(await names({ op: "GTE", key: "age", value: 25 }), "ann bob cid");
    assert.equal(await names({ op: "LT", key: "age", value: 30.5 }), "ann bob");
    assert.equal(await names({ op: "LTE", key: "age", value: 30.5 }), "ann bob cid");
    assert.equal(await names({ op: "GT", key: "name", value: "Bob" }), "cid dan eve");
    assert.equal(await names({ op: "IN", key: "age", values: [25, "30", null] }), "bob dan eve");
    assert.equal(await names({ op: "IN", key: "age", values: [] }), "");
    assert.equal(await names({ op: "EQ", key: "none.at.all", value: 1 }), "");
  });

  check("query: AND and OR to any depth", async (store, key) => {
    const { names } = await prepared(store, key);
    const old: QueryFilter = { op: "GTE", key: "age", value: 30 };
    const oslo: QueryFilter = { op: "EQ", key: "city.name", value: "Oslo" };
    const bob: QueryFilter = { op: "EQ", key: "name", value: "Bob" };
    assert.equal(await names({ op: "AND", filters: [old, oslo] }), "ann cid");
    assert.equal(await names({ op: "OR", filters: [bob, { op: "AND", filters: [old, oslo] }] }), "ann bob cid");
    assert.equal(await names({ op: "AND", filters: [bob, oslo] }), "");
  });

  check("query: sort, then by key", async (store, key) => {
    const { names } = await prepared(store, key);
    assert.equal(await names(null, [{ key: "age", order: "ASC" }]), "eve bob ann cid dan");
    assert.equal(await names(null, [{ key: "age", order: "DESC" }]), "dan cid ann bob eve");
    const both = [
      { key: "city.name", order: "DESC" },
      { key: "name", order: "ASC" },
    ] as const;
    assert.equal(await names(null, both), "eve bob ann cid dan");
    assert.equal(await names(null, [{ key: "name", order: "ASC" }]), "ann bob dan cid eve");
  });

  check("query: pages with a token until there are no more", async (store, key) => {
    const { run } = await prepared(store, key);
    const seen: string[] = [];
    let token = "";
    do {
      const answer = await run({ sort: [{ key: "age", order: "DESC" }], page: { limit: 2, token } });
      assert.ok(answer.results.length > 0 && answer.results.length <= 2);
      seen.push(...answer.results.map((row) => row.key.slice(key("").length)));
      token = answer.token;
    } while (token !== "");
    assert.deepEqual(seen, ["dan", "cid", "ann", "bob", "eve"]);
    await assert.rejects(run({ page: { limit: 2, token: "x" } }), isDriverError("badRequest"));
  });

  check("query: rows come with value and ETag, and faults of the query are told", async (store, key) => {
    const { run } = await prepared(store, key);
    const [row] = (await run({ filter: { op: "EQ", key: "name", value: "Bob" } })).results;
    assert.deepEqual(JSON.parse(decoder.decode(row?.bytes)), people.bob);
    assert.equal(row?.etag, (await store.get(getOf(key("bob")), signal))?.etag);
    for (const filter of [
      { op: "EQ", key: "a", value: { b: 1 } },
      { op: "IN", key: "a", values: [[1]] },
      { op: "EQ", key: 'a".b', value: 1 },
      { op: "OR", filters: [{ op: "GT", key: "a..b", value: 1 }] },
    ] as const)
      await assert.rejects(run({ filter }), isDriverError("badRequest"));
  });
}
