import { after, test } from "node:test";
import { startBackend } from "../../../scripts/backends.ts";
import type { PubSub } from "../../../src/driver/pubsub.ts";
import { pubsubConformance } from "../../../test/conformance/pubsub.ts";
import { driverContext } from "../../../test/harness/driver-context.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import { natsAdmin } from "../../../test/harness/nats-admin.ts";
import driver from "./jetstream.ts";

const platform = await hostPlatform();
const open = (metadata: Readonly<Record<string, string>>): Promise<PubSub> =>
  driver.open(new Map(Object.entries(metadata)), driverContext(platform, "pubsub"));
const subjects = ["t", "a", "A", "b", "orders", "ord", "ord.*", "other", "end"];

const server = await startBackend("nats");
if (server === undefined) test("pubsub.jetstream", { skip: "there is no nats-server" }, () => {});
else {
  after(() => server.stop());
  const admin = natsAdmin(server.address);
  after(() => admin.close());
  await admin.ask("STREAM.CREATE.tests", { name: "tests", subjects });
  /** The stream is empty and has no consumers. */
  const empty = async (): Promise<void> => {
    await admin.ask("STREAM.DELETE.tests");
    await admin.ask("STREAM.CREATE.tests", { name: "tests", subjects });
  };
  const traits = {
    groups: true,
    retention: true,
    redelivery: {},
    ordered: {},
    adds: { Topic: "orders" },
    wildcard: { pattern: "ord.*", topic: "ord.ers" },
  } as const;

  for (const [name, url, settings] of [
    ["nats", `nats://${server.address}`, {}],
    ["ws, parallel", `ws://127.0.0.1:${server.webSocketPort}`, { concurrency: "parallel" }],
  ] as const)
    pubsubConformance(
      `pubsub.jetstream over ${name}`,
      () => {
        const ready = empty();
        return {
          async open(appId, more) {
            await ready;
            return open({ natsURL: url, durableName: appId, ...(more === undefined ? settings : {}), ...more });
          },
        };
      },
      traits,
    );
}
