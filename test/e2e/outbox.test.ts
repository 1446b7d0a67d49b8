import { Database } from "bun:sqlite";
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { component, startDaprd } from "../harness/daprd-process.ts";
import { temporaryFolder } from "../harness/temporary-folder.ts";

test("kill -9 at any moment: what the store has, the outbox has published, and nothing else", async () => {
  const database = join(temporaryFolder().path, "one.db");
  const outbox = { connectionString: database, outboxPublishPubsub: "events", outboxPublishTopic: "orders" };
  const resources = [
    component("store", "state.sqlite", outbox),
    component("events", "pubsub.embedded", { path: database }),
  ];
  let acknowledged = 0;
  for (let round = 0; round < 4; round++) {
    const sidecar = await startDaprd({ resources });
    await sidecar.ready();
    let isKilled = false;
    const write = async (writer: number): Promise<void> => {
      for (let turn = 0; !isKilled; turn++) {
        const operations = [1, 2].map((part) => ({
          operation: "upsert",
          request: { key: `${round}-${writer}-${turn}-${part}`, value: part },
        }));
        try {
          const body = JSON.stringify({ operations });
          const answer = await fetch(`${sidecar.url}/v1.0/state/store/transaction`, { method: "POST", body });
          await answer.arrayBuffer();
          assert.equal(answer.status, 204);
          acknowledged += 1;
        } catch (error) {
          assert.ok(isKilled, `write failed before the kill: ${String(error)}`);
        }
      }
    };
    const before = acknowledged;
    const running = Array.from({ length: 32 }, (_, writer) => write(writer));
    while (acknowledged < before + 50) await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    isKilled = true;
    sidecar.kill("SIGKILL");
    await sidecar.exited;
    await Promise.all(running);
  }
  const file = new Database(database, { readonly: true });
  const rows = (file.query("SELECT count(*) AS n FROM state").get() as { n: number }).n;
  const messages = (file.query("SELECT count(*) AS n FROM pubsub_message WHERE topic >= 0").get() as { n: number }).n;
  file.close();
  assert.equal(messages, rows);
  assert.ok(rows >= acknowledged * 2 && rows % 2 === 0, `${rows} rows, ${acknowledged} transactions answered`);
});
