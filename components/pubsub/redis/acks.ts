import type { DriverLog } from "../../../src/driver/context.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { RedisReplyError } from "../../_shared/redis-client.ts";
import { messageOf } from "../../_shared/redis-connection.ts";

export interface AckPorts {
  readonly clock: Clock;
  readonly log: DriverLog;
  acknowledge(ids: readonly string[]): Promise<void>;
  /** The broker knows, or refused to. */
  settled(id: string): void;
}

/** Acknowledgements on their way: those that come while others are under way go together. */
export interface Acks {
  add(id: string): void;
  /** Resolves when all are settled; what the broker cannot be told within one more try comes again. */
  close(): Promise<void>;
}

const MOST = 500;
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 2000;

/** Acknowledges as long as it takes: a message whose handler is done must not come again because a connection broke. */
export function createAcks({ clock, log, acknowledge, settled }: AckPorts): Acks {
  const waiting = new Set<string>();
  const closing = new AbortController();
  let running: Promise<void> | undefined;

  async function send(ids: readonly string[]): Promise<boolean> {
    try {
      await acknowledge(ids);
      return true;
    } catch (error) {
      const isRefused = error instanceof RedisReplyError;
      const what = `Error acknowledging Redis message${ids.length > 1 ? "s" : ""} ${ids.slice(0, 10).join(", ")}`;
      if (isRefused || closing.signal.aborted) log.error(`${what}: ${messageOf(error)}`);
      else log.debug(`${what}, will be tried again: ${messageOf(error)}`);
      return isRefused || closing.signal.aborted;
    }
  }

  async function run(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (waiting.size > 0) {
      const ids = [...waiting].slice(0, MOST);
      if (await send(ids)) {
        pauseMs = FIRST_PAUSE_MS;
        for (const id of ids) {
          waiting.delete(id);
          settled(id);
        }
        continue;
      }
      await clock.sleep(pauseMs, closing.signal).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  function start(): void {
    // After this turn: handlers that end together are acknowledged together.
    running ??= Promise.resolve()
      .then(run)
      .finally(() => {
        running = undefined;
        if (waiting.size > 0) start();
      });
  }

  return {
    add(id) {
      waiting.add(id);
      start();
    },
    async close() {
      closing.abort();
      while (running !== undefined) await running;
    },
  };
}
