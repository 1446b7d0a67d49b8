import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeDocument } from "../decode-document.ts";
import { configurationDefaults } from "../merge-configuration.ts";
import { configurationSchema } from "./configuration.ts";
import { defaultConfiguration } from "./default-configuration.ts";

test("the ready-made defaults are what the schema makes of upstream's defaults", () => {
  const document = { file: "", line: 0, value: configurationDefaults, lineOf: () => 0 };
  const { value, findings } = decodeDocument(configurationSchema(), document, false);
  assert.deepEqual(findings, []);
  assert.deepEqual(value, defaultConfiguration);
});
