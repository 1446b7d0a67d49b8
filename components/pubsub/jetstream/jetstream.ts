import { definePubSub } from "../../../src/driver/define-driver.ts";
import { createJetStreamBroker } from "./broker.ts";
import { openNats } from "./nats-link.ts";
import { jetstreamMetadata, readJetStreamSettings, readLinkSettings } from "./settings.ts";

/** Messages in streams of NATS, which have to exist. Other clients of the streams see the events as upstream writes them. */
export default definePubSub({
  type: "pubsub.jetstream",
  versions: ["v1"],
  status: "beta",
  summary: "Messages in JetStream streams of a NATS server",
  metadata: jetstreamMetadata,
  async open(metadata, context, raw) {
    const settings = readJetStreamSettings(metadata, raw);
    const link = await openNats(await readLinkSettings(metadata, context), context);
    return createJetStreamBroker(link, settings, context);
  },
});
