import assert from "node:assert/strict";
import { test } from "node:test";
import { m } from "../kit/schema/codecs.ts";
import type { DriverContext } from "./context.ts";
import { defineSecretStore } from "./define-driver.ts";
import { DriverError } from "./errors.ts";

const context = {} as DriverContext;
const driver = defineSecretStore({
  type: "secretstores.sample",
  versions: ["v1"],
  status: "alpha",
  summary: "A sample",
  metadata: { prefix: m.text().required(), upper: m.flag().default(false) },
  open: async (metadata) => ({
    features: [],
    get: async (name) => ({
      [name]: metadata.upper ? `${metadata.prefix}${name}`.toUpperCase() : metadata.prefix + name,
    }),
    bulkGet: async () => ({}),
    close: async () => {},
  }),
});

test("a driver opens with metadata decoded by its schema", async () => {
  const store = await driver.open(new Map([["PREFIX", "a-"]]), context);
  assert.deepEqual(await store.get("b", {}, new AbortController().signal), { b: "a-b" });
  assert.equal(driver.category, "secretstores");
  assert.deepEqual([driver.aliases, driver.needs], [[], []]);
});

test("metadata that does not fit is a badMetadata error of the driver", async () => {
  await assert.rejects(
    driver.open(new Map([["upper", "true"]]), context),
    (error) =>
      DriverError.is(error) &&
      error.kind === "badMetadata" &&
      error.message === 'required property "prefix" is missing',
  );
});
