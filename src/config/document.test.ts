import assert from "node:assert/strict";
import { test } from "node:test";
import { readDocuments } from "./document.ts";

test("documents in a file with the line ends of Windows are those of the same file without", async () => {
  const text = "kind: A\nscopes:\n  - one\n---\nkind: B\nscopes:\n- two\n--- # third\nkind: C\nscopes: [three]\n";
  const shapeOf = (read: Awaited<ReturnType<typeof readDocuments>>) => JSON.stringify(read);
  const plain = await readDocuments("a.yaml", text, "resource");
  assert.equal(plain.documents.length, 3);
  assert.equal(shapeOf(await readDocuments("a.yaml", text.replaceAll("\n", "\r\n"), "resource")), shapeOf(plain));
});
