import assert from "node:assert/strict";
import { test } from "node:test";
import { DriverError } from "../../src/driver/errors.ts";
import type { SecretStore } from "../../src/driver/secretstore.ts";

/** How a store under test differs from the others. */
export interface SecretStoreTraits {
  /** What `get` of an unknown name does: fails, or answers an empty value. */
  readonly missing: "fails" | "isEmpty";
}

/**
 * The behaviour that all secret stores share. `open` gives a store that holds at least
 * `conftestsecret` = `abcd` and `secondsecret` = `efgh`.
 */
export function secretStoreConformance(
  name: string,
  open: () => Promise<SecretStore>,
  traits: SecretStoreTraits,
): void {
  const { signal } = new AbortController();
  const within = async (check: (store: SecretStore) => Promise<void>): Promise<void> => {
    const store = await open();
    try {
      await check(store);
    } finally {
      await store.close();
    }
  };

  test(`${name}: get answers a secret under its own name`, () =>
    within(async (store) => {
      assert.deepEqual({ ...(await store.get("conftestsecret", {}, signal)) }, { conftestsecret: "abcd" });
    }));

  test(`${name}: bulkGet answers every secret`, () =>
    within(async (store) => {
      const all = await store.bulkGet({}, signal);
      assert.deepEqual({ ...all["conftestsecret"] }, { conftestsecret: "abcd" });
      assert.deepEqual({ ...all["secondsecret"] }, { secondsecret: "efgh" });
    }));

  test(`${name}: get and bulkGet agree on every name`, () =>
    within(async (store) => {
      for (const [key, secret] of Object.entries(await store.bulkGet({}, signal)))
        assert.deepEqual({ ...(await store.get(key, {}, signal)) }, { ...secret }, key);
    }));

  test(`${name}: an unknown name`, () =>
    within(async (store) => {
      const asked = store.get("no-such-secret", {}, signal);
      if (traits.missing === "isEmpty") assert.deepEqual({ ...(await asked) }, { "no-such-secret": "" });
      else await assert.rejects(asked, (error) => DriverError.is(error) && error.message.includes("no-such-secret"));
    }));

  test(`${name}: names that objects inherit are not secrets`, () =>
    within(async (store) => {
      assert.equal(Object.hasOwn(await store.bulkGet({}, signal), "constructor"), false);
      const asked = store.get("constructor", {}, signal);
      if (traits.missing === "isEmpty") assert.deepEqual({ ...(await asked) }, { constructor: "" });
      else await assert.rejects(asked, (error) => DriverError.is(error));
    }));

  test(`${name}: reads at once do not disturb each other`, () =>
    within(async (store) => {
      const names = ["conftestsecret", "secondsecret", "conftestsecret"];
      const found = await Promise.all(names.map((key) => store.get(key, {}, signal)));
      assert.deepEqual(
        found.map((secret, index) => secret[names[index]!]),
        ["abcd", "efgh", "abcd"],
      );
    }));
}
