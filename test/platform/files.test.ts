import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { createHost, until } from "./host.ts";

const host = await createHost();
const files = host.files!;
const folder = `${await files.realPath(tmpdir())}/pillion-files-${host.random.uuid()}`;
await files.makeDirectory(`${folder}/deep/er`);
after(() => files.remove(folder));

test("write, append, read", async () => {
  const path = `${folder}/one`;
  await files.write(path, "a");
  await files.write(path, new Uint8Array([98]), { append: true });
  assert.equal(await files.readText(path), "ab");
  assert.deepEqual([...(await files.readBytes(path))], [97, 98]);
  await files.write(path, "c");
  assert.equal(await files.readText(path), "c");
});

test("replace swaps the content in one step, sets the mode and leaves nothing else behind", async () => {
  await files.makeDirectory(`${folder}/swap`);
  const path = `${folder}/swap/file`;
  await files.replace(path, "old");
  await files.replace(path, "new", 0o600);
  assert.equal(await files.readText(path), "new");
  assert.deepEqual(await files.list(`${folder}/swap`), [{ name: "file", kind: "file" }]);
  await assert.rejects(files.replace(`${folder}/missing/file`, "x"), { code: "ENOENT" });
});

test("list sorts and follows links; stat knows what is not there", async () => {
  await files.makeDirectory(`${folder}/mixed/directory`);
  await files.write(`${folder}/mixed/b`, "12345");
  await symlink(`${folder}/mixed/b`, `${folder}/mixed/a-link`);
  await symlink(`${folder}/nowhere`, `${folder}/mixed/z-broken`);
  assert.deepEqual(await files.list(`${folder}/mixed`), [
    { name: "a-link", kind: "file" },
    { name: "b", kind: "file" },
    { name: "directory", kind: "directory" },
    { name: "z-broken", kind: "other" },
  ]);
  assert.equal((await files.stat(`${folder}/mixed/b`))?.size, 5);
  assert.equal((await files.stat(`${folder}/mixed`))?.kind, "directory");
  assert.equal(await files.stat(`${folder}/nothing`), null);
  assert.equal(await files.stat(`${folder}/mixed/b/under-a-file`), null);
  assert.equal(await files.realPath(`${folder}/mixed/a-link`), `${folder}/mixed/b`);
});

test("errors keep the system's code; removing twice is fine", async () => {
  await assert.rejects(files.readText(`${folder}/nothing`), { code: "ENOENT" });
  await assert.rejects(files.list(`${folder}/nothing`), { code: "ENOENT" });
  await files.remove(`${folder}/deep`);
  await files.remove(`${folder}/deep`);
  assert.equal(await files.stat(`${folder}/deep`), null);
});

test("watch tells of new, changed, replaced and removed files until it is stopped", async () => {
  const path = `${folder}/watched`;
  await files.makeDirectory(path);
  let told = 0;
  const stop = files.watch(path, () => (told += 1));
  for (const change of [
    () => files.write(`${path}/x`, "1"),
    () => files.write(`${path}/x`, "2"),
    () => files.replace(`${path}/x`, "3"),
    () => files.remove(`${path}/x`),
  ]) {
    const before = told;
    await change();
    await until(() => told > before, "the change was told");
  }
  stop();
});
