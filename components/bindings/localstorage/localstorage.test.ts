import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import type { Binding } from "../../../src/driver/bindings.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { decodeUtf8, encodeUtf8 } from "../../../src/kit/bytes.ts";
import { bindingConformance } from "../../../test/conformance/bindings.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import { goUnquote } from "./go-unquote.ts";
import driver from "./localstorage.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const open = (rootPath: string): Promise<Binding> =>
  driver.open(new Map([["rootPath", rootPath]]), driverContext(platform, "files")) as Promise<Binding>;

async function run(binding: Binding, operation: string, fileName?: string, data = ""): Promise<string | null> {
  const metadata: Record<string, string> = fileName === undefined ? {} : { fileName };
  const answer = await binding.invoke?.({ operation, data: encodeUtf8(data), metadata }, signal);
  return answer == null ? null : decodeUtf8(answer.data);
}
const request = (operation: string, data = "") => ({
  operation,
  data: encodeUtf8(data),
  metadata: { fileName: "a/b.txt" },
});

bindingConformance("localstorage", () => open(temporaryFolder().path), {
  invoke: [
    { request: request("create", '"hello world"') },
    { request: request("get"), check: (data) => assert.equal(decodeUtf8(data!), "hello world") },
    { request: { ...request("list"), metadata: {} } },
    { request: request("delete"), check: (data) => assert.equal(data, undefined) },
  ],
});

test("files are created, read, listed and deleted", async () => {
  const { path } = temporaryFolder();
  const binding = await open(`${path}/new/root`);
  const root = `${path}/new/root`;
  assert.equal(await run(binding, "list"), "null");
  assert.equal(await run(binding, "create", "z.txt", '"é\\n"'), '{"fileName":"z.txt"}');
  assert.equal(await run(binding, "create", "d/../e//f", "raw text!"), '{"fileName":"e/f"}');
  assert.equal(readFileSync(`${root}/z.txt`, "utf8"), "é\n");
  assert.equal(await run(binding, "get", "e/f"), "raw text!");
  assert.equal(await run(binding, "list"), JSON.stringify([`${root}/e/f`, `${root}/z.txt`]));
  assert.equal(await run(binding, "list", "e"), JSON.stringify([`${root}/e/f`]));
  const named = JSON.parse((await run(binding, "create", undefined, "x!")) ?? "") as { fileName: string };
  assert.match(named.fileName, /^[0-9a-f-]{36}$/);
  // compat: what happens to be base64 is decoded.
  await run(binding, "create", "b", '"test"');
  assert.deepEqual([...readFileSync(`${root}/b`)], [0xb5, 0xeb, 0x2d]);
  await run(binding, "create", "z.txt", '"!"');
  assert.equal(await run(binding, "get", "z.txt"), "!");
  assert.equal(await run(binding, "delete", "e/f"), null);
  assert.equal(await run(binding, "delete", "e"), null);
});

test("what fails says what and where", async () => {
  const { path: root } = temporaryFolder();
  const binding = await open(root);
  await run(binding, "create", "d/f", "x!");
  const cases = [
    ["get", "none", `file not found: ${root}/none`],
    ["get", "d", `error reading file ${root}/d: read ${root}/d: is a directory`],
    ["list", "d/f", `unable to list files as the file specified is not a directory: ${root}/d/f`],
    ["list", "none", `error getting stats for path ${root}/none: stat ${root}/none: no such file or directory`],
    ["delete", "none", `error deleting file ${root}/none: remove ${root}/none: no such file or directory`],
    ["delete", "d", `error deleting file ${root}/d: remove ${root}/d: directory not empty`],
    ["move", "d", "unsupported operation move"],
  ] as const;
  for (const [operation, name, message] of cases)
    await assert.rejects(run(binding, operation, name), (error) => DriverError.is(error) && error.message === message);
});

test("no name and no link leads out of the folder", async () => {
  const { path: outside } = temporaryFolder();
  const { path: root } = temporaryFolder();
  writeFileSync(`${outside}/secret`, "s");
  mkdirSync(`${root}/in`);
  symlinkSync(outside, `${root}/out`);
  symlinkSync("../../..", `${root}/in/up`);
  symlinkSync("loop", `${root}/loop`);
  const binding = await open(root);
  for (const name of ["out/secret", `../${outside.split("/").at(-1)}/secret`, `in/up${outside}/secret`])
    await assert.rejects(run(binding, "get", name), /file not found/, name);
  await assert.rejects(run(binding, "get", "loop/x"), /too many links/);
  await run(binding, "create", "../../../../new", "x!");
  assert.equal(readFileSync(`${root}/new`, "utf8"), "x!");
  assert.equal(readFileSync(`${outside}/secret`, "utf8"), "s");
  // Links are listed, not followed.
  assert.deepEqual(
    JSON.parse((await run(binding, "list")) ?? ""),
    ["in/up", "loop", "new", "out"].map((name) => `${root}/${name}`),
  );
});

test("folders that cannot be the root are refused", async () => {
  const { path } = temporaryFolder();
  writeFileSync(`${path}/file`, "");
  symlinkSync("/proc", `${path}/link`);
  const cases = [
    ["", "property rootPath must not be empty"],
    [`${path}/file`, "property rootPath represents a file and not a directory"],
    ["/proc/x", "property rootPath points to a disallowed location"],
    ["/tmp/../sys", "property rootPath points to a disallowed location"],
    [`${path}/link`, "property rootPath points to a disallowed location"],
  ] as const;
  for (const [root, message] of cases) await assert.rejects(open(root), { message });
});

test("literals of Go", () => {
  const text = (value: string): string | undefined => {
    const bytes = goUnquote(value);
    return bytes === undefined ? undefined : decodeUtf8(bytes);
  };
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['"a\\tb"', "a\tb"],
    ['"\\u00e9\\U0001F600\\x41\\101"', "é😀AA"],
    ["`a\\n`", "a\\n"],
    ["'é'", "é"],
    ["'ab'", undefined],
    ['"a"b"', undefined],
    ['"\\q"', undefined],
    ['"\\/"', undefined],
    ['"\\400"', undefined],
    ['"', undefined],
    ["plain", undefined],
    ["{}", undefined],
  ];
  for (const [given, expected] of cases) assert.equal(text(given), expected, given);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (value) => {
      assert.equal(text(JSON.stringify(value)), value.toWellFormed() === value ? value : undefined);
    }),
  );
});
