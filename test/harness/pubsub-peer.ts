// A process with a subscription on an embedded broker: pubsub-peer.ts PATH APP ack|hold. Prints "ready", then a line for each message.
import process from "node:process";
import driver from "../../components/pubsub/embedded/embedded.ts";
import type { DriverContext } from "../../src/driver/context.ts";
import type { PubSub } from "../../src/driver/pubsub.ts";
import { createStorages } from "../../src/storage/storages.ts";
import { hostPlatform } from "./host-platform.ts";

const [path = "", appId = "", mode = "ack"] = process.argv.slice(2);
const platform = await hostPlatform();
const storages = createStorages({ platform });
const { signal } = new AbortController();
const log = { debug() {}, info() {}, warn: (line: string) => void process.stderr.write(`${line}\n`), error() {} };
const pubsub = (await driver.open(new Map([["path", path]]), {
  name: "pubsub",
  appId,
  namespace: "",
  log,
  signal,
  platform,
  clock: platform.clock,
  random: platform.random,
  storage: (file, options) => storages.open(file, options),
} satisfies DriverContext)) as PubSub;
await pubsub.subscribe(
  { topic: "t", metadata: {} },
  async ({ data, attempt, metadata }) => {
    const late = metadata["sentAt"] === undefined ? "" : ` ${Date.now() - Number(metadata["sentAt"])}`;
    process.stdout.write(`got ${new TextDecoder().decode(data)} ${attempt}${late}\n`);
    return mode === "hold" ? new Promise<"ack">(() => undefined) : "ack";
  },
  signal,
);
process.stdout.write("ready\n");
setInterval(() => undefined, 60_000);
