import { test } from "node:test";
import type { DriverContext } from "../../../src/driver/context.ts";
import type { PubSub } from "../../../src/driver/pubsub.ts";
import { createStorages } from "../../../src/storage/storages.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { runScript } from "../../../test/harness/run-script.ts";
import { temporaryFolder } from "../../../test/harness/temporary-folder.ts";
import driver from "./embedded.ts";

const platform = await hostPlatform();
const { signal } = new AbortController();
const peer = new URL("../../../test/harness/pubsub-peer.ts", import.meta.url).pathname;

function open(path: string, appId: string): Promise<PubSub> {
  const storages = createStorages({ platform });
  return driver.open(new Map([["path", path]]), {
    name: "pubsub",
    appId,
    namespace: "",
    log: { debug() {}, info() {}, warn() {}, error() {} },
    signal,
    platform,
    clock: platform.clock,
    random: platform.random,
    storage: (file, options) => storages.open(file, options),
  } satisfies DriverContext) as Promise<PubSub>;
}
const message = (data: string, metadata: Record<string, string> = {}) => ({
  topic: "t",
  data: new TextEncoder().encode(data),
  contentType: "",
  metadata,
});

test("embedded, three processes: groups of other processes hear of a message, members share them", async () => {
  const path = `${temporaryFolder().path}/broker.db`;
  const pubsub = await open(path, "publisher");
  const peers = [runScript(peer, [path, "shop", "ack"]), runScript(peer, [path, "audit", "ack"])];
  try {
    await Promise.all(peers.map((each) => each.printed("ready")));
    for (const data of ["a", "b", "c"]) await pubsub.publish(message(data), signal);
    for (const each of peers) for (const data of ["a", "b", "c"]) await each.printed(`got ${data} 1`);
    const mine = Promise.withResolvers<void>();
    await pubsub.subscribe(
      { topic: "t", metadata: {} },
      async ({ data }) => {
        if (new TextDecoder().decode(data) === "d") mine.resolve();
        return "ack";
      },
      signal,
    );
    await pubsub.publish(message("d"), signal);
    await mine.promise;
    for (const each of peers) await each.printed("got d 1");
  } finally {
    for (const each of peers) each.child.kill("SIGKILL");
    await Promise.all(peers.map(({ ended }) => ended));
    await pubsub.close();
  }
});

test("embedded, three processes: what a killed member held goes to a survivor", async () => {
  const path = `${temporaryFolder().path}/broker.db`;
  const publisher = await open(path, "publisher");
  const victim = runScript(peer, [path, "shop", "hold"]);
  let survivor: ReturnType<typeof runScript> | undefined;
  try {
    await victim.printed("ready");
    for (const data of ["a", "b", "c"]) await publisher.publish(message(data), signal);
    for (const data of ["a", "b", "c"]) await victim.printed(`got ${data} 1`);
    survivor = runScript(peer, [path, "shop", "ack"]);
    await survivor.printed("ready");
    victim.child.kill("SIGKILL");
    for (const data of ["a", "b", "c"]) await survivor.printed(`got ${data} 2`);
    await publisher.publish(message("d"), signal);
    await survivor.printed("got d 1");
  } finally {
    victim.child.kill("SIGKILL");
    survivor?.child.kill("SIGKILL");
    await Promise.all([victim.ended, survivor?.ended]);
    await publisher.close();
  }
});

test("embedded, three processes: order of a key and delayed messages outlive kills", async () => {
  const path = `${temporaryFolder().path}/broker.db`;
  const publisher = await open(path, "publisher");
  const victim = runScript(peer, [path, "shop", "hold"]);
  let survivor: ReturnType<typeof runScript> | undefined;
  try {
    await victim.printed("ready");
    const key = { partitionKey: "k" };
    for (const data of ["a", "b", "c"]) await publisher.publish(message(data, key), signal);
    await victim.printed("got a 1");
    survivor = runScript(peer, [path, "shop", "ack"]);
    await survivor.printed("ready");
    victim.child.kill("SIGKILL");
    // One after the other: each comes only when the one before is acknowledged.
    await survivor.printed("got a 2");
    await survivor.printed("got b 1");
    await survivor.printed("got c 1");
  } finally {
    victim.child.kill("SIGKILL");
    survivor?.child.kill("SIGKILL");
    await Promise.all([victim.ended, survivor?.ended]);
    await publisher.close();
  }
  const rest = await open(path, "shop");
  const late = Promise.withResolvers<void>();
  await publish(path);
  await rest.subscribe(
    { topic: "t", metadata: {} },
    async ({ data }) => {
      if (new TextDecoder().decode(data) === "due") late.resolve();
      return "ack";
    },
    signal,
  );
  await late.promise;
  await rest.close();
});

/** A process that publishes a delayed message and is gone before it is due. */
async function publish(path: string): Promise<void> {
  const gone = await open(path, "gone");
  await gone.publish(message("due", { deliverAfter: "500ms" }), signal);
  await gone.close();
}
