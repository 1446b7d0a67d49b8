import assert from "node:assert/strict";
import { createDecipheriv } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { sendGrpc } from "../../../test/harness/grpc-exchange.ts";
import { sendHttp } from "../../../test/harness/http-exchange.ts";
import { mapStateStore } from "../../../test/harness/map-state-store.ts";
import type { GetStateResponse } from "../../gen/dapr/proto/runtime/v1/state_pb.ts";
import { createValueCipher } from "./encrypt.ts";
import { stateGrpc } from "./grpc.ts";
import { stateHttp } from "./http.ts";
import { openStateStore } from "./open-store.ts";
import { createState } from "./state.ts";

let nonces = 0;
const random = {
  bytes: (length: number) => new Uint8Array(length).fill(++nonces % 251),
  uuid: () => "",
  fraction: () => 0,
};
const first = { name: "first", hex: "000102030405060708090a0b0c0d0e0f" };
const second = { name: "second", hex: "ff".repeat(32) };
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("the stored form is base64 of nonce, ciphertext and tag, then the name of the key's secret", async () => {
  const cipher = await createValueCipher("s", { primary: first }, random);
  const stored = text(await cipher.encrypt(utf8("hello")));
  const [encoded = "", name] = stored.split("||");
  assert.equal(name, "first");
  const packed = Buffer.from(encoded, "base64");
  assert.equal(packed.length, 12 + 5 + 16);
  const open = createDecipheriv("aes-128-gcm", Buffer.from(first.hex, "hex"), packed.subarray(0, 12));
  open.setAuthTag(packed.subarray(-16));
  assert.equal(Buffer.concat([open.update(packed.subarray(12, -16)), open.final()]).toString(), "hello");
});

test("a value stored by upstream can be read", async () => {
  const cipher = await createValueCipher("s", { primary: first }, random);
  const stored = "6cVAY83YpndK66BsMJGb3hYNbaGHT+6bLOB1gLGLABnChA==||first";
  assert.equal(text(await cipher.decrypt(utf8(stored))), "value1");
});

test("values of any bytes come back, for each size of key", async () => {
  for (const size of [16, 24, 32]) {
    const cipher = await createValueCipher("s", { primary: { name: "k", hex: "0F".repeat(size) } }, random);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (value) => {
        fc.pre(value.length > 0);
        assert.deepEqual(new Uint8Array(await cipher.decrypt(await cipher.encrypt(value))), value);
      }),
      { numRuns: 30 },
    );
  }
});

test("after a rotation old values are read with the secondary key, new ones written with the primary", async () => {
  const before = await createValueCipher("s", { primary: first }, random);
  const after = await createValueCipher("s", { primary: second, secondary: first }, random);
  const old = await before.encrypt(utf8("old"));
  assert.equal(text(await after.decrypt(old)), "old");
  const fresh = await after.encrypt(utf8("new"));
  assert.match(text(fresh), /\|\|second$/);
  await assert.rejects(before.decrypt(fresh), {
    message: 'could not decrypt data for state store s: no encryption key of this store is named "second"',
  });
});

test("what cannot be decrypted says why", async () => {
  const cipher = await createValueCipher("s", { primary: first }, random);
  const prefix = "could not decrypt data for state store s:";
  const cases: readonly (readonly [string, string])[] = [
    ["plain", `${prefix} encryption key name not found on record`],
    ["AAAA||", `${prefix} encryption key name not found on record`],
    ["AAAA||first", `${prefix} record is too short`],
    ["A*AA||first", "illegal base64 data at input byte 1"],
    [`${"AAAA".repeat(11)}||first`, "cipher: message authentication failed"],
  ];
  for (const [stored, message] of cases) await assert.rejects(cipher.decrypt(utf8(stored)), { message }, stored);
  assert.equal((await cipher.decrypt(new Uint8Array())).length, 0);
});

test("keys that are none are refused when the store opens", async () => {
  const app = { appId: "app", namespace: "", random };
  const open = (hex: string) =>
    openStateStore({ name: "s", store: mapStateStore(), encryption: { primary: { name: "k", hex } } }, app);
  await assert.rejects(open("xyz"), { message: 'encryption key of secret "k" is not hexadecimal text' });
  await assert.rejects(open("abc"), { message: 'encryption key of secret "k" is not hexadecimal text' });
  for (const name of ["", "a||b"])
    await assert.rejects(createValueCipher("s", { primary: { name, hex: first.hex } }, random), {
      message: `encryption key needs a secretKeyRef whose name is not empty and has no "||", it is "${name}"`,
    });
  await assert.rejects(open("abcd"), {
    message: 'encryption key of secret "k" has 2 bytes, it must have 16, 24 or 32',
  });
});

test("an encrypted store over both faces", async () => {
  const store = mapStateStore();
  const settings = { name: "s", store, encryption: { primary: first } };
  const entry = await openStateStore(settings, { appId: "app", namespace: "", random });
  const state = createState({ appId: "app", stores: { find: () => entry, any: () => true } });
  const routes = stateHttp(state);
  const part = stateGrpc(state);
  const get = async (key: string) => (await sendHttp(routes, "GET", `/v1.0/state/s/${key}`)).text;

  const body = JSON.stringify([
    { key: "text", value: "value1" },
    { key: "object", value: { b: 1, a: "<" } },
    { key: "number", value: 1.5 },
  ]);
  assert.equal((await sendHttp(routes, "POST", "/v1.0/state/s", { body })).status, 204);
  for (const row of store.rows.values()) {
    assert.equal(row.binary, true);
    assert.match(text(row.bytes), /^[A-Za-z0-9+/]+=*\|\|first$/);
  }
  assert.equal(await get("text"), "value1");
  assert.equal(await get("object"), '{"a":"\\u003c","b":1}');
  assert.equal(await get("number"), "1.5");

  const json = utf8('{ "as": "given" }');
  const states = [
    { key: "bytes", value: new Uint8Array([1, 2, 255]) },
    { key: "json", value: json, metadata: { contentType: "application/json" } },
  ];
  await sendGrpc(part, "saveState", { storeName: "s", states });
  assert.equal(await get("json"), '{ "as": "given" }');
  const request = { key: "tx", value: utf8("in a transaction") };
  await sendGrpc(part, "executeStateTransaction", {
    storeName: "s",
    operations: [{ operationType: "upsert", request }],
  });
  const over = async (key: string) => (await sendGrpc(part, "getState", { storeName: "s", key })) as GetStateResponse;
  assert.deepEqual([...(await over("bytes")).data], [1, 2, 255]);
  assert.equal(text((await over("tx")).data), "in a transaction");

  store.rows.set("app||broken", { bytes: utf8("no cipher text"), binary: true, etag: "1" });
  const bulk = await sendHttp(routes, "POST", "/v1.0/state/s/bulk", {
    body: '{"keys":["text","object","broken","none"]}',
  });
  const rows = bulk.json() as Record<string, unknown>[];
  assert.deepEqual(
    rows.map(({ etag, ...row }) => row),
    [
      { key: "text", data: "value1" },
      { key: "object", data: { a: "<", b: 1 } },
      { key: "broken", error: "could not decrypt data for state store s: encryption key name not found on record" },
      { key: "none" },
    ],
  );
  const broken = await sendHttp(routes, "GET", "/v1.0/state/s/broken");
  assert.equal(broken.status, 500);
  assert.match(broken.text, /fail to get broken from state store s: could not decrypt data for state store s/);
});
