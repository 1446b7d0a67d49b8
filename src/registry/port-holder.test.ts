import assert from "node:assert/strict";
import { createServer } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { createFiles } from "../platform/_node/files.ts";
import { portHolder } from "./port-holder.ts";

test("names the process that listens on a port", { skip: process.platform !== "linux" }, async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  assert.equal((await portHolder(createFiles(), address.port))?.pid, process.pid);
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await portHolder(createFiles(), address.port), undefined);
});
