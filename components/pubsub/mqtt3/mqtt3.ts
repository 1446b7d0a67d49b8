import { definePubSub } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { isTruthy } from "../../../src/kit/truthy.ts";
import { readMqttAddress } from "../../_shared/mqtt-address.ts";
import { openMqtt } from "../../_shared/mqtt-connection.ts";
import { mqttTlsFields, readMqttTls } from "../../_shared/mqtt-tls.ts";
import { createRouter } from "./router.ts";

const LIMIT_MS = 20_000;
const goTrue: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const goFalse: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

function readRetain(text: string | undefined, fallback: boolean): boolean {
  if (text === undefined || text === "") return fallback;
  if (goTrue.has(text)) return true;
  if (goFalse.has(text)) return false;
  const why = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw new DriverError("badRequest", `mqtt invalid retain ${text}, ${why}`);
}

function failure(what: string, cause: unknown): DriverError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new DriverError("unavailable", `${what}: ${text}`, { cause });
}

/**
 * Messages through an MQTT 3.1.1 broker. A message of QoS 1 or 2 is acknowledged after a handler took it; what a handler gives
 * back is handed over again after a while, and again by the broker when this process goes.
 */
export default definePubSub({
  type: "pubsub.mqtt3",
  versions: ["v1"],
  aliases: ["pubsub.mqtt"],
  status: "stable",
  summary: "Messages through an MQTT 3.1.1 broker, over TCP, TLS or WebSocket",
  metadata: {
    url: m
      .secret()
      .required("missing url")
      .help("`tcp://host:port`; also mqtt, ssl, mqtts, tls, ws, wss; with `user:password@`"),
    consumerID: m.text().help("Client id, the app id when empty; each instance needs its own, for example `{uuid}`"),
    qos: m.integer().default(1).help("Quality of service of publishes and subscriptions: 0, 1 or 2"),
    retain: m.flag().default(false).help("The broker keeps the last message of each topic for later subscribers"),
    cleanSession: m.flag().default(false).help("The broker forgets subscriptions and waiting messages when we go"),
    concurrencyMode: m
      .choice("single", "parallel")
      .default("single")
      .help("`single` hands over one message of a topic at a time, in order"),
    redeliverInterval: m
      .duration()
      .default(5000)
      .help("Wait before a message that was given back is delivered again; 0 leaves that to the broker's next session"),
    ...mqttTlsFields,
  },
  async open(metadata, context) {
    const { qos, retain, cleanSession, redeliverInterval } = metadata;
    if (qos !== 0 && qos !== 1 && qos !== 2)
      throw new DriverError("badMetadata", `invalid qos ${qos}: write 0, 1 or 2`);
    const clientId = metadata.consumerID || context.appId;
    if (clientId === "") throw new DriverError("badMetadata", "missing consumerID");
    const address = readMqttAddress(metadata.url);
    const invalid = (name: string): string => `invalid TLS configuration: invalid ${name}`;
    const tls = readMqttTls(metadata, {
      caCert: invalid("caCert"),
      clientCert: invalid("clientCert"),
      clientKey: invalid("clientKey"),
    });
    const { clock, log } = context;
    const isOrdered = metadata.concurrencyMode === "single";
    const router = createRouter({ clock, log, isOrdered, redeliverMs: Math.max(0, redeliverInterval) });
    const deliver = router.deliver;
    const connection = await openMqtt(
      { address, tls, clientId, cleanSession, connectLimitMs: LIMIT_MS, deliver },
      context,
    ).catch((cause: unknown) => {
      throw failure(`failed to establish connection to broker: ${address.text}`, cause);
    });
    const filters = new Set<string>();
    let isClosed = false;

    const refuse = (topic: string): void => {
      if (isClosed) throw new DriverError("closed", "component is closed");
      if (topic === "") throw new DriverError("badRequest", "topic name is empty");
    };

    return {
      features: ["SUBSCRIBE_WILDCARDS"],
      async publish({ topic, data, metadata: given }, signal) {
        refuse(topic);
        // The broker would cut the connection.
        if (/[+#\0]/.test(topic))
          throw new DriverError(
            "badRequest",
            `failed to publish: topic ${JSON.stringify(topic)} must not contain "+" or "#"`,
          );
        const message = { topic, data, qos, retain: readRetain(given["retain"], retain) } as const;
        await connection.publish(message, LIMIT_MS, signal).catch((cause: unknown) => {
          throw failure("failed to publish", cause);
        });
      },
      async subscribe({ topic, metadata: given, atOnce = 1 }, handle) {
        refuse(topic);
        if (filters.has(topic))
          throw new DriverError(
            "badRequest",
            `mqtt error from subscribe: there is a subscription to ${JSON.stringify(topic)} already`,
          );
        filters.add(topic);
        router.add(topic, atOnce, handle);
        try {
          await connection.subscribe(topic, qos, LIMIT_MS);
        } catch (cause) {
          filters.delete(topic);
          await router.remove(topic);
          throw failure("mqtt error from subscribe", cause);
        }
        log.info(`MQTT is subscribed to topic ${topic} (qos: ${qos})`);
        // The broker would forget what waits for a session that is to go on.
        const atBroker = cleanSession || isTruthy(given["unsubscribeOnClose"]);
        return {
          async close() {
            if (!filters.delete(topic)) return;
            const removed = router.remove(topic);
            await connection.unsubscribe(topic, atBroker);
            await removed;
          },
        };
      },
      async close() {
        if (isClosed) return;
        isClosed = true;
        filters.clear();
        await router.close();
        await connection.close();
      },
    };
  },
});
