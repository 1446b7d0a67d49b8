import type { DriverLog } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { Delivery, IncomingMessage, PubSub } from "../../../src/driver/pubsub.ts";

interface Listener {
  readonly pattern: string;
  readonly handle: (message: IncomingMessage) => Promise<Delivery>;
  /** Resolves when the messages so far are handled. */
  tail: Promise<void>;
  isClosed: boolean;
}

/** Whether a subscription wants a topic: its own, or with a last `*` every longer one that begins alike. */
function matches(pattern: string, topic: string): boolean {
  if (pattern === topic) return true;
  return pattern.endsWith("*") && topic.length >= pattern.length && topic.startsWith(pattern.slice(0, -1));
}

/** Resolves when the promise does; rejects when the signal aborts first. */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw new DriverError("failed", "context canceled");
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(new DriverError("failed", "context canceled"));
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** A bus in memory. Each subscription handles one message at a time, in the order of publishing. */
export function createMemoryBus(log: DriverLog): PubSub {
  const listeners = new Set<Listener>();
  let isClosed = false;

  async function handle(listener: Listener, message: IncomingMessage): Promise<void> {
    try {
      if ((await listener.handle(message)) === "retry")
        log.error(`a message of topic ${message.topic} was not taken, and this broker does not deliver it again`);
    } catch (error) {
      log.error(error instanceof Error ? error.message : String(error));
    }
  }

  /** Resolves when the listener has begun with the message. */
  async function offer(listener: Listener, message: IncomingMessage, signal: AbortSignal): Promise<void> {
    const before = listener.tail;
    const done = Promise.withResolvers<void>();
    listener.tail = done.promise;
    try {
      await unlessAborted(before, signal);
    } catch (error) {
      void before.then(done.resolve);
      throw error;
    }
    if (listener.isClosed) done.resolve();
    else void handle(listener, message).then(done.resolve);
  }

  return {
    features: ["SUBSCRIBE_WILDCARDS"],
    async publish({ topic, data, metadata }, signal) {
      if (isClosed) throw new DriverError("closed", "component is closed");
      for (const listener of [...listeners]) {
        if (!matches(listener.pattern, topic)) continue;
        // compat: pubsub/in-memory of components-contrib tells the subscription's topic, pattern or not, and no content type
        await offer(listener, { topic: listener.pattern, data, contentType: "", metadata: { ...metadata } }, signal);
      }
    },
    async subscribe({ topic }, handleMessage) {
      if (isClosed) throw new DriverError("closed", "component is closed");
      const listener: Listener = { pattern: topic, handle: handleMessage, tail: Promise.resolve(), isClosed: false };
      listeners.add(listener);
      return {
        async close() {
          listener.isClosed = true;
          listeners.delete(listener);
          await listener.tail;
        },
      };
    },
    async close() {
      isClosed = true;
      const open = [...listeners];
      listeners.clear();
      for (const listener of open) listener.isClosed = true;
      await Promise.all(open.map((listener) => listener.tail));
    },
  };
}
