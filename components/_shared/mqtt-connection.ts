// portable: the client library takes its bytes as this class on every runtime
import { Buffer as ByteBuffer } from "node:buffer";
import type { IPublishPacket, MqttClient } from "mqtt";
import type { DriverContext } from "../../src/driver/context.ts";
import type { MqttAddress } from "./mqtt-address.ts";
import { createMqttInbox, type MqttPacket } from "./mqtt-inbox.ts";
import { type MqttTls, openMqttStream } from "./mqtt-stream.ts";

/** One client of a broker. It reconnects by itself until it is closed. */
export interface MqttConnection {
  /** Resolves when the broker has taken the message: its QoS says what that means. Rejects after `limitMs` at the latest. */
  publish(message: MqttPublish, limitMs: number, signal: AbortSignal): Promise<void>;
  /** Resolves when the broker grants it. From then on every new session gets it, until `unsubscribe`. */
  subscribe(filter: string, qos: 0 | 1 | 2, limitMs: number): Promise<void>;
  /** Forgets a filter; with `atBroker` the broker too. */
  unsubscribe(filter: string, atBroker: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface MqttPublish {
  readonly topic: string;
  readonly data: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

export interface MqttSettings {
  readonly address: MqttAddress;
  readonly tls: MqttTls;
  readonly clientId: string;
  /** The broker forgets the client when it goes. */
  readonly cleanSession: boolean;
  /** For the first connection; 0 does not wait for it. */
  readonly connectLimitMs: number;
  /** Gets each message; resolves with whether it may be acknowledged. */
  deliver(packet: MqttPacket): Promise<boolean>;
}

const KEEP_ALIVE_S = 30;
const RECONNECT_MS = 1000;
const DIAL_LIMIT_MS = 10_000;
const END_LIMIT_MS = 500;
/** Answers to CONNECT that another try does not change: version, client id, credentials, rights. */
const final: ReadonlySet<number> = new Set([1, 2, 4, 5]);

/** The library's word for "no acknowledgement now": it goes on with the next message, and we acknowledge later. */
const later = new Error("acknowledged later");

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function packetOf({ messageId, topic, payload, qos, retain, dup }: IPublishPacket): MqttPacket {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  return {
    id: messageId ?? 0,
    topic,
    data: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    qos,
    isRetained: retain,
    isDuplicate: dup,
  };
}

/** Connects. Rejects with an Error that says why there is no connection within the limit. */
export async function openMqtt(
  settings: MqttSettings,
  { clock, log, signal, platform }: Pick<DriverContext, "clock" | "log" | "signal" | "platform">,
): Promise<MqttConnection> {
  const { address, tls, clientId, cleanSession, connectLimitMs, deliver } = settings;
  const { MqttClient: Client } = await import("mqtt");
  const filters = new Map<string, { readonly qos: 0 | 1 | 2; isGranted: boolean }>();
  const closing = new AbortController();
  let lastError: Error | undefined;
  let isLost = false;
  let online = Promise.withResolvers<void>();

  const inbox = createMqttInbox({
    deliver,
    acknowledge({ id, qos }) {
      if (!client.connected) return false;
      client["_sendPacket"]({ cmd: qos === 2 ? "pubrec" : "puback", messageId: id });
      return true;
    },
  });

  const client: MqttClient = new Client(() => openMqttStream(address, tls, platform, DIAL_LIMIT_MS) as never, {
    clientId,
    clean: cleanSession,
    protocolVersion: 4,
    protocolId: "MQTT",
    keepalive: KEEP_ALIVE_S,
    reconnectPeriod: RECONNECT_MS,
    connectTimeout: DIAL_LIMIT_MS,
    reconnectOnConnackError: true,
    queueQoSZero: false,
    resubscribe: false,
    manualConnect: true,
    log() {},
    ...(address.username !== undefined && { username: address.username }),
    ...(address.password !== undefined && { password: address.password }),
  });

  // The library takes this from its settings for MQTT 5 only, but goes by it in every version.
  client.options.customHandleAcks = (_topic, _message, packet: IPublishPacket, next) => {
    next(later);
    inbox.received(packetOf(packet));
  };
  client.on("message", (_topic, _payload, packet) => inbox.received(packetOf(packet)));
  client.on("connect", ({ sessionPresent }) => {
    if (isLost) log.info(`Connected to the MQTT broker at ${address.text} again`);
    isLost = false;
    inbox.connected(sessionPresent);
    if (!sessionPresent) for (const filter of filters.values()) filter.isGranted = false;
    online.resolve();
    for (const [filter, { isGranted }] of filters)
      if (!isGranted)
        grant(filter).catch((error) =>
          log.error(`subscribing to ${JSON.stringify(filter)} again failed: ${textOf(error)}`),
        );
  });
  client.on("close", () => {
    if (closing.signal.aborted || !hasConnected) return;
    if (!isLost) {
      const why = lastError === undefined ? "the broker closed it" : lastError.message;
      log.error(`Connection with the MQTT broker at ${address.text} lost: ${why}`);
      online = Promise.withResolvers();
    }
    isLost = true;
    lastError = undefined;
  });
  client.on("error", (error) => {
    if (error === later) return;
    lastError = error instanceof Error ? error : new Error(String(error));
    const code = "code" in error ? Number(error.code) : 0;
    if (!hasConnected && final.has(code)) online.reject(lastError);
  });

  let hasConnected = false;
  client.connect();
  if (connectLimitMs > 0) {
    try {
      await within(online.promise, connectLimitMs, signal, () => lastError?.message ?? "the broker does not answer");
    } catch (error) {
      await end();
      throw error;
    }
  }
  hasConnected = true;

  /** Waits for a promise up to a limit, an abort, or the closing of the connection. */
  async function within<T>(promise: Promise<T>, limitMs: number, ends: AbortSignal, why: () => string): Promise<T> {
    const failed = Promise.withResolvers<never>();
    const stopTimer = clock.after(limitMs, () => failed.reject(new Error(`${why()} (after ${limitMs} ms)`)));
    const onAbort = (): void =>
      failed.reject(new Error(lastError?.message ?? textOf(ends.reason), { cause: ends.reason }));
    const onClosing = (): void => failed.reject(new Error("mqtt client closed"));
    ends.addEventListener("abort", onAbort);
    closing.signal.addEventListener("abort", onClosing);
    if (ends.aborted) onAbort();
    if (closing.signal.aborted) onClosing();
    try {
      return await Promise.race([promise, failed.promise]);
    } finally {
      stopTimer();
      ends.removeEventListener("abort", onAbort);
      closing.signal.removeEventListener("abort", onClosing);
    }
  }

  async function grant(filter: string): Promise<void> {
    const wanted = filters.get(filter);
    if (wanted === undefined) return;
    await client.subscribeAsync(filter, { qos: wanted.qos });
    wanted.isGranted = true;
  }

  async function end(): Promise<void> {
    closing.abort();
    const isPolite = client.connected;
    await Promise.race([client.endAsync(!isPolite).catch(() => undefined), clock.sleep(END_LIMIT_MS)]);
    client.stream?.destroy();
  }

  return {
    async publish({ topic, data, qos, retain }, limitMs, ends) {
      const deadline = clock.monotonic() + limitMs;
      const away = (): string => `no connection to the broker: ${lastError?.message ?? "it was lost"}`;
      if (!client.connected) await within(online.promise, limitMs, ends, away);
      const payload = ByteBuffer.from(data.buffer, data.byteOffset, data.byteLength);
      let id = 0;
      const sent = new Promise<void>((resolve, reject) => {
        client.publish(topic, payload, { qos, retain }, (error) => (error ? reject(error) : resolve()));
        id = client.getLastMessageId();
      });
      sent.catch(() => undefined);
      try {
        await within(sent, Math.max(1, deadline - clock.monotonic()), ends, () => "the broker did not acknowledge it");
      } catch (error) {
        // What nobody waits for any more must not pile up.
        if (qos > 0 && client.outgoing[id] !== undefined) client.removeOutgoingMessage(id);
        throw error;
      }
    },
    async subscribe(filter, qos, limitMs) {
      filters.set(filter, { qos, isGranted: false });
      const { signal: never } = new AbortController();
      try {
        if (!client.connected) await within(online.promise, limitMs, never, () => "no connection to the broker");
        await within(grant(filter), limitMs, never, () => "the broker did not acknowledge it");
      } catch (error) {
        filters.delete(filter);
        throw error;
      }
    },
    async unsubscribe(filter, atBroker) {
      filters.delete(filter);
      if (!atBroker || !client.connected) return;
      await Promise.race([client.unsubscribeAsync(filter), clock.sleep(DIAL_LIMIT_MS)]).catch((error) =>
        log.warn(`Failed to unsubscribe from topic ${filter}: ${textOf(error)}`),
      );
    },
    close: () => (closing.signal.aborted ? Promise.resolve() : end()),
  };
}
