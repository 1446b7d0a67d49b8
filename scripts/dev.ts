import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { rerunOnChange } from "./rerun-on-change.ts";
import { root } from "./shell.ts";

/**
 * Runs the sample's orders service with a runtime from source and components in memory, and both anew after each change.
 * Further arguments are flags of `pillion run`.
 */
const api = "http://127.0.0.1:3500/v1.0";
const dataDir = mkdtempSync(join(tmpdir(), "pillion-dev-"));
const flags = ["--app-id", "orders", "--app-port", "6101", "--dapr-http-port", "3500", "--data-dir", dataDir];
const resources = ["--resources-path", "scripts/sample/in-memory"];
const rerun = rerunOnChange({
  command: [
    process.execPath,
    ...["src/entry/main.ts", "run", ...flags, ...resources, ...process.argv.slice(2)],
    ...["--", "node", "scripts/sample/orders-service.mjs"],
  ],
  cwd: root,
  folders: ["src", "components", "scripts/sample"].map((folder) => join(root, folder)),
  concerns: (path) => /\.(?:ts|mjs|yaml)$/.test(path) && !path.endsWith(".test.ts"),
  say: (line) => console.log(`-- ${line}`),
});
console.log(
  `-- try: curl -X POST ${api}/invoke/orders/method/orders -H 'content-type: application/json' -d '{"id":"1","item":"lamp"}'`,
);
console.log(`-- then: curl ${api}/state/statestore/1   (Ctrl+C ends it)`);

const ended = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.resolve());
await ended.promise;
await rerun.stop();
rmSync(dataDir, { recursive: true, force: true });
