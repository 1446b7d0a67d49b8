import { definePubSub } from "../../../src/driver/define-driver.ts";
import { createMemoryBus } from "./memory-bus.ts";

/** Messages inside one sidecar, gone with it. A publisher waits while a subscription is busy with the message before. */
export default definePubSub({
  type: "pubsub.in-memory",
  versions: ["v1"],
  status: "stable",
  summary: "Messages inside one sidecar, for tests; nothing is kept",
  metadata: {},
  open: async (_metadata, { log }) => createMemoryBus(log),
});
