import type { BindingHandler, BindingReader } from "../../../src/driver/bindings.ts";
import { defineBinding } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { readMqttAddress } from "../../_shared/mqtt-address.ts";
import { type MqttConnection, openMqtt } from "../../_shared/mqtt-connection.ts";
import type { MqttPacket } from "../../_shared/mqtt-inbox.ts";
import { mqttTlsFields, readMqttTls } from "../../_shared/mqtt-tls.ts";

const LIMIT_MS = 10_000;
const HANDLER_PAUSE_MS = 5000;
const PUBLISH_PAUSE_MS = 200;
const PUBLISH_RETRIES = 3;
const BUSY_WAIT_MS = 2000;

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Events from an MQTT 3.1.1 broker and publishes to it, always with QoS 1. An event is acknowledged after the app took it; one
 * that it does not take comes again when the connection is made again, and before that as often as `backOffMaxRetries` says.
 */
export default defineBinding({
  type: "bindings.mqtt3",
  versions: ["v1"],
  aliases: ["bindings.mqtt"],
  status: "beta",
  summary: "Input and output: messages of an MQTT 3.1.1 broker",
  directions: ["input", "output"],
  metadata: {
    url: m.secret().required("missing url").help("`tcp://host:port`; also mqtt, ssl, mqtts, tls, ws, wss"),
    topic: m.text().required("missing topic").help("Topic that is read, and published to when a request names none"),
    consumerID: m
      .text()
      .required("missing consumerID")
      .help("Begin of the client ids; each instance needs its own, for example `{uuid}`"),
    retain: m.flag().default(false).help("The broker keeps the last message of a topic for later subscribers"),
    cleanSession: m.flag().default(false).help("The broker forgets the subscription and waiting messages when we go"),
    backOffMaxRetries: m
      .integer()
      .default(0)
      .help("How often an event that the app did not take is handed over again, every 5 s; -1 without end"),
    qos: m.text().default("").help("Accepted for compatibility: it is always 1"),
    ...mqttTlsFields,
  },
  async open(metadata, context) {
    const { topic: ownTopic, consumerID, retain, cleanSession, backOffMaxRetries } = metadata;
    const { clock, log } = context;
    const address = readMqttAddress(metadata.url);
    const tls = readMqttTls(metadata, {
      caCert: "invalid ca certificate",
      clientCert: "invalid client certificate",
      clientKey: "invalid client certificate key",
    });
    if (metadata.qos !== "") log.warn("Metadata property 'qos' has been deprecated and is ignored; qos is set to 1");
    let isClosed = false;
    let producer: Promise<MqttConnection> | undefined;
    const readers = new Set<BindingReader>();

    const connect = (
      end: string,
      signal: AbortSignal,
      deliver: (packet: MqttPacket) => Promise<boolean>,
    ): Promise<MqttConnection> =>
      openMqtt(
        { address, tls, clientId: `${consumerID}-${end}`, cleanSession, connectLimitMs: LIMIT_MS, deliver },
        { ...context, signal },
      ).catch((cause: unknown) => {
        throw new DriverError("unavailable", `failed to connect: ${address.text}: ${textOf(cause)}`, { cause });
      });

    async function getProducer(): Promise<MqttConnection> {
      producer ??= connect("producer", new AbortController().signal, async () => true);
      try {
        return await producer;
      } catch (cause) {
        producer = undefined;
        const text = `failed to create producer connection: ${textOf(cause)}`;
        throw new DriverError("unavailable", text, { cause });
      }
    }

    async function startReader(handle: BindingHandler, signal: AbortSignal): Promise<BindingReader> {
      const closing = new AbortController();
      const inHand = new Set<Promise<boolean>>();

      async function bring({ topic, data, id }: MqttPacket): Promise<boolean> {
        for (let retry = 0; !closing.signal.aborted; retry++) {
          try {
            await handle({ data, metadata: { topic } });
            if (retry > 0) log.info(`Successfully processed MQTT message after it previously failed: ${topic}/${id}`);
            return true;
          } catch (error) {
            if (backOffMaxRetries >= 0 && retry >= backOffMaxRetries) {
              log.error(`Failed processing MQTT message: ${topic}/${id}: ${textOf(error)}`);
              return false;
            }
            log.error(`Error processing MQTT message: ${topic}/${id}, retrying: ${textOf(error)}`);
          }
          await clock.sleep(HANDLER_PAUSE_MS, closing.signal).catch(() => undefined);
        }
        return false;
      }

      const connection = await connect("consumer", signal, (packet) => {
        const work = bring(packet).finally(() => inHand.delete(work));
        inHand.add(work);
        return work;
      });
      try {
        await connection.subscribe(ownTopic, 1, LIMIT_MS);
      } catch (cause) {
        await connection.close();
        const text = `failed to subscribe to topic ${JSON.stringify(ownTopic)}: ${textOf(cause)}`;
        throw new DriverError("unavailable", text, { cause });
      }
      log.info(`Subscribed to topic ${ownTopic} (qos: 1)`);
      let closed: Promise<void> | undefined;
      const reader: BindingReader = {
        close() {
          closing.abort();
          // The broker goes on keeping messages for the session.
          closed ??= Promise.all(inHand)
            .then(() => connection.close())
            .finally(() => readers.delete(reader));
          return closed;
        },
      };
      return reader;
    }

    return {
      operations: ["create"],
      async invoke({ operation, data, metadata: given }, signal) {
        if (operation !== "create") throw new DriverError("unsupported", `invalid operation type: ${operation}`);
        if (isClosed) throw new DriverError("closed", "error: binding is closed");
        const topic = given["topic"] || ownTopic;
        if (/[+#\0]/.test(topic))
          throw new DriverError(
            "badRequest",
            `failed to publish: topic ${JSON.stringify(topic)} must not contain "+" or "#", name another in the request's metadata`,
          );
        const connection = await getProducer();
        for (let retry = 0; ; retry++) {
          try {
            await connection.publish({ topic, data, qos: 1, retain }, LIMIT_MS, signal);
            return null;
          } catch (cause) {
            if (retry === PUBLISH_RETRIES || signal.aborted || isClosed)
              throw new DriverError("unavailable", `failed to publish: ${textOf(cause)}`, { cause });
            log.debug(`Could not publish MQTT message, retrying: ${textOf(cause)}`);
          }
          await clock.sleep(PUBLISH_PAUSE_MS, signal).catch(() => undefined);
        }
      },
      async read(handle, signal) {
        if (isClosed) throw new DriverError("closed", "error: binding is closed");
        if (readers.size > 0) await clock.sleep(BUSY_WAIT_MS);
        if (readers.size > 0) throw new DriverError("failed", "the subscription is already active");
        const reader = await startReader(handle, signal);
        readers.add(reader);
        return reader;
      },
      async close() {
        isClosed = true;
        await Promise.all([...readers].map((reader) => reader.close()));
        await producer?.then(
          (connection) => connection.close(),
          () => undefined,
        );
      },
    };
  },
});
