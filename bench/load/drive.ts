import { createPoller, createTicker } from "../net/poller.ts";
import { readProcess } from "../proc/process-usage.ts";
import type { Connection, OpenConnection } from "./connection.ts";
import { Histogram, type LatencySummary } from "./histogram.ts";

/** How hard and how long to load; a rate of 0 is the closed loop. Times in seconds. */
export interface LoadPlan {
  readonly connections: number;
  readonly rate: number;
  readonly warmup: number;
  readonly duration: number;
  /** Processes whose CPU and memory are read at both ends of the counted time. */
  readonly watch: readonly number[];
}

/** What a run of the generator found; latencies in µs, CPU in cores. */
export interface LoadResult {
  readonly mode: "open" | "closed";
  readonly perSecond: number;
  readonly answers: number;
  readonly errors: number;
  /** Failed answers by status; 0 is a connection that ended early. */
  readonly outcomes: Record<string, number>;
  readonly latency: LatencySummary;
  readonly generator: {
    /** Share of one core. */
    readonly cpu: number;
    /** Between the due time and the send, for requests that had a free connection when due. */
    readonly lag: LatencySummary;
    /** Requests that were due while every connection waited for its answer. */
    readonly held: number;
  };
  readonly watched: readonly { readonly pid: number; readonly cpu: number; readonly rssMb: number }[];
}

const graceSeconds = 10;

/** Starts the ticker and gives the time of its first tick; tried until both are less than 3 µs apart. */
const startTicker = (ticker: ReturnType<typeof createTicker>, period: number): number => {
  const delay = 20e6;
  for (let slack = 3000; ; slack *= 1.1) {
    const before = Bun.nanoseconds();
    ticker.start(delay, period);
    if (Bun.nanoseconds() - before < slack) return before + delay;
  }
};

/** Loads a server as planned and blocks the thread until the end. Throws when it cannot connect. */
export const drive = (plan: LoadPlan, openConnection: OpenConnection): LoadResult => {
  const now = Bun.nanoseconds;
  const open = plan.rate > 0;
  const latency = new Histogram();
  const lag = new Histogram();
  const outcomes: Record<string, number> = {};
  const period = open ? Math.round(1e9 / plan.rate) : 0;
  const total = open ? Math.floor(((plan.warmup + plan.duration) * 1e9) / period) : 0;

  const poller = createPoller();
  const byFd: (Connection | undefined)[] = [];
  const connections: Connection[] = [];
  let answered = 0;
  let countedAnswers = 0;
  let errors = 0;
  let countFrom = Number.POSITIVE_INFINITY;
  let countTo = Number.POSITIVE_INFINITY;

  const onAnswer = (dueAt: number, success: boolean, outcome: number) => {
    const at = now();
    answered++;
    if (!success) {
      errors++;
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    // The open loop counts by due time, so that no late answer is lost; the closed loop by answers that fall into the window.
    const moment = open ? dueAt : at;
    if (moment < countFrom || moment >= countTo) return;
    countedAnswers++;
    latency.record(at - dueAt);
  };
  const addConnection = (index: number) => {
    const connection = openConnection(onAnswer);
    connections[index] = connection;
    byFd[connection.fd] = connection;
    poller.add(connection.fd);
    return connection;
  };
  for (let index = 0; index < plan.connections; index++) addConnection(index);

  let turn = 0;
  const freeConnection = (): Connection | undefined => {
    for (let tried = 0; tried < connections.length; tried++) {
      const connection = connections[turn] as Connection;
      turn = turn + 1 === connections.length ? 0 : turn + 1;
      if (connection.inflight < connection.capacity) return connection;
    }
    return undefined;
  };
  const flushable = new Set<number>();
  const watchWrites = (connection: Connection) => {
    if (connection.waiting === flushable.has(connection.fd)) return;
    if (connection.waiting) flushable.add(connection.fd);
    else flushable.delete(connection.fd);
    poller.watchWrites(connection.fd, connection.waiting);
  };
  const fill = (connection: Connection) => {
    while (connection.inflight < connection.capacity) connection.start(now());
    watchWrites(connection);
  };

  const ticker = createTicker();
  const begin = open ? startTicker(ticker, period) : now();
  countFrom = begin + plan.warmup * 1e9;
  countTo = countFrom + plan.duration * 1e9;
  if (open) poller.add(ticker.fd);
  else for (const connection of connections) fill(connection);

  let next = 0;
  let held = 0;
  let heldTo = -1;
  const sendDue = () => {
    for (; next < total; next++) {
      const dueAt = begin + next * period;
      const at = now();
      if (dueAt > at) return;
      const connection = freeConnection();
      if (connection === undefined) {
        heldTo = Math.max(heldTo, Math.floor((at - begin) / period));
        return;
      }
      if (dueAt >= countFrom) {
        if (next <= heldTo) held++;
        else lag.record(at - dueAt);
      }
      connection.start(dueAt);
      watchWrites(connection);
    }
  };

  let usage: { cpu: NodeJS.CpuUsage; at: number; watched: ReturnType<typeof readProcess>[] } | undefined;
  for (;;) {
    const at = now();
    if (usage === undefined && at >= countFrom) {
      usage = { cpu: process.cpuUsage(), at, watched: plan.watch.map(readProcess) };
    }
    if (at >= countTo && (!open || answered >= total || at >= countTo + graceSeconds * 1e9)) break;
    if (open) sendDue();
    const ready = poller.wait(100);
    for (let index = 0; index < ready; index++) {
      const fd = poller.fd(index);
      if (fd === ticker.fd) {
        ticker.clear();
        continue;
      }
      const connection = byFd[fd];
      if (connection === undefined) continue;
      if (poller.writable(index)) connection.flush();
      if (poller.readable(index) && !connection.receive()) {
        poller.remove(fd);
        byFd[fd] = undefined;
        const opened = addConnection(connections.indexOf(connection));
        if (!open) fill(opened);
        continue;
      }
      if (!open && now() < countTo) fill(connection);
      else watchWrites(connection);
    }
  }

  const seconds = usage === undefined ? plan.duration : (now() - usage.at) / 1e9;
  const cpu = process.cpuUsage(usage?.cpu);
  const unanswered = open ? total - answered : 0;
  if (unanswered > 0) outcomes["unanswered"] = unanswered;
  return {
    mode: open ? "open" : "closed",
    perSecond: countedAnswers / plan.duration,
    answers: countedAnswers,
    errors: errors + unanswered,
    outcomes,
    latency: latency.summary(),
    generator: { cpu: (cpu.user + cpu.system) / 1e6 / seconds, lag: lag.summary(), held },
    watched: plan.watch.map((pid, index) => {
      const before = usage?.watched[index] ?? readProcess(pid);
      const after = readProcess(pid);
      return { pid, cpu: (after.cpuSeconds - before.cpuSeconds) / seconds, rssMb: after.rssMb };
    }),
  };
};
