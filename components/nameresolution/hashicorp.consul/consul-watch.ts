import type { DriverContext } from "../../../src/driver/context.ts";
import type { ConsulAgent, HealthCheck, QueryFields, ServiceEntry } from "./consul-agent.ts";

/** Healthy instances of the services that were asked for, kept up to date by questions that the agent answers late. */
export interface ConsulWatch {
  /** What is known of a service; undefined or nothing means: ask the agent. A service that is new here is watched from now on. */
  find(service: string): readonly ServiceEntry[] | undefined;
  close(): Promise<void>;
}

/** What of a service is passing, by instance. */
type Health = ReadonlyMap<string, { readonly service: string; readonly isPassing: boolean }>;

const firstPauseMs = 5000;
const longestPauseMs = 180_000;

/** Watches with the options of look-ups, less the agent's own cache. */
export function createConsulWatch(
  agent: ConsulAgent,
  query: QueryFields,
  { clock, random, log }: Pick<DriverContext, "clock" | "random" | "log">,
): ConsulWatch {
  const entries = new Map<string, readonly ServiceEntry[]>();
  const stopped = new AbortController();
  const options: QueryFields = { ...query, UseCache: false, WaitIndex: 0, WaitHash: "" };
  let known: Health = new Map();
  let index = 0;
  let pauseMs = firstPauseMs;
  let round = new AbortController();
  let running: Promise<void> | undefined;

  async function ask(services: readonly string[], signal: AbortSignal) {
    const filter = services.map((service) => `ServiceName==${JSON.stringify(service)}`).join(" or ");
    const wanted = { ...options, Filter: filter };
    try {
      return await agent.checks({ ...wanted, WaitIndex: index }, signal);
    } catch (error) {
      if (index === 0 || signal.aborted) throw error;
      return await agent.checks(wanted, signal);
    }
  }

  async function refresh(service: string, signal: AbortSignal): Promise<boolean> {
    try {
      entries.set(service, await agent.healthy(service, options, signal));
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      log.error(`error invoking health service: ${textOf(error)}, for service ${service}`);
      forget(service);
      return false;
    }
  }

  /** Look-ups ask the agent until the next round has found out. */
  function forget(service: string): void {
    entries.set(service, []);
    known = new Map([...known].filter(([, found]) => found.service !== service));
    index = 0;
  }

  async function watchOnce(signal: AbortSignal): Promise<void> {
    let isWhole = true;
    const { checks, index: latest } = await ask([...entries.keys()], signal);
    if (index !== 0 && latest === index) {
      pauseMs = firstPauseMs;
      return;
    }
    // An index that went back belongs to another history.
    index = latest < index ? 0 : latest;
    const health = healthOf(checks);
    const changed = changedServices(known, health);
    known = health;
    for (const service of changed) if (entries.has(service)) isWhole = (await refresh(service, signal)) && isWhole;
    if (isWhole) pauseMs = firstPauseMs;
    else await pause(signal);
  }

  /** Waits, longer after each failure in a row. */
  async function pause(signal: AbortSignal): Promise<void> {
    const ms = Math.round(pauseMs * (0.5 + random.fraction()));
    pauseMs = Math.min(pauseMs * 1.5, longestPauseMs);
    log.error(`consul service-watcher: retry in ${Math.round(ms / 1000)}s`);
    await clock.sleep(ms, signal).catch(() => undefined);
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      const { signal } = round;
      try {
        await watchOnce(signal);
      } catch (error) {
        if (stopped.signal.aborted) return;
        if (signal.aborted) continue;
        for (const service of entries.keys()) forget(service);
        log.error(`consul service-watcher error: ${textOf(error)}`);
        await pause(signal);
      }
    }
  }

  return {
    find(service) {
      const found = entries.get(service);
      if (found !== undefined || stopped.signal.aborted) return found;
      entries.set(service, []);
      index = 0;
      // The question under way does not ask for this service.
      round.abort(new Error("one more service is watched"));
      round = new AbortController();
      running ??= run();
      return undefined;
    },
    async close() {
      stopped.abort();
      round.abort(new Error("the name resolver is closed"));
      await running;
      entries.clear();
    },
  };
}

function healthOf(checks: readonly HealthCheck[]): Health {
  const found = new Map<string, { service: string; isPassing: boolean }>();
  for (const { Node = "", ServiceID = "", ServiceName = "", Status } of checks) {
    const key = JSON.stringify([ServiceName, ServiceID, Node]);
    const before = found.get(key)?.isPassing ?? true;
    found.set(key, { service: ServiceName, isPassing: before && Status === "passing" });
  }
  return found;
}

function changedServices(before: Health, now: Health): ReadonlySet<string> {
  const changed = new Set<string>();
  for (const [key, { service, isPassing }] of now) {
    if (before.get(key)?.isPassing !== isPassing) changed.add(service);
  }
  for (const [key, { service }] of before) if (!now.has(key)) changed.add(service);
  return changed;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
