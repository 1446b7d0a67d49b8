import assert from "node:assert/strict";
import type { StateStore } from "../../src/driver/state.ts";
import type { StateSuite } from "./state-suite.ts";
import { deleteOf, read, setOf, signal } from "./state-suite.ts";

/** Keys by pattern, and removal by prefix. */
export function keysCases({ check, has, traits }: StateSuite): void {
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
}
