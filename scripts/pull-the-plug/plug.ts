import { Database } from "bun:sqlite";
import { type ChildProcess, spawn } from "node:child_process";

/** What is in the broker at a moment. */
export interface Moment {
  /** Published, acknowledged to the publisher, and not handed out yet. */
  readonly undelivered: number;
  /** Handed out by this very process and not done. */
  readonly inFlight: number;
  /** Handed out and not done, by whichever process. */
  readonly open: number;
}

/** The only process: it can be looked at while it stands still, and killed. */
export interface Plug {
  /** Starts it; resolves when both of its sidecars serve their apps. */
  start(): Promise<void>;
  /** Stops it in the middle of whatever it does, and looks into its file; kills it with SIGKILL if `wanted` says so. */
  pullIf(wanted: (moment: Moment) => boolean): Promise<{ readonly moment: Moment; readonly isPulled: boolean }>;
  /** Ends it in order. */
  stop(): Promise<number>;
  log(): string;
}

export interface PlugOptions {
  readonly command: readonly string[];
  readonly folder: string;
  readonly database: string;
  /** HTTP APIs of its sidecars. */
  readonly apis: readonly string[];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// What a process held that was killed before is not in flight: it waits for the end of a lease.
const momentSql = `SELECT
  (SELECT count(*) FROM pubsub_message m JOIN pubsub_group g ON g.topic = m.topic WHERE m.seq > g.cursor) AS undelivered,
  (SELECT count(*) FROM pubsub_delivery WHERE owner = (
    SELECT id FROM pubsub_owner ORDER BY lease_until DESC LIMIT 1)) AS inFlight,
  (SELECT count(*) FROM pubsub_delivery) AS open`;

function look(path: string): Moment {
  const database = new Database(path, { readonly: true });
  try {
    return database.query(momentSql).get() as Moment;
  } finally {
    database.close();
  }
}

/** `pillion run` of both services, without their programs. */
export function createPlug({ command, folder, database, apis }: PlugOptions): Plug {
  const [program = "", ...before] = command;
  let child: ChildProcess | undefined;
  let exited: Promise<number> = Promise.resolve(0);
  let isOver = true;
  let lines: string[] = [];

  async function ready(api: string): Promise<void> {
    for (const end = Date.now() + 20_000; Date.now() < end; await pause(10)) {
      if (isOver) throw new Error(`the process ended before it was ready:\n${lines.join("\n")}`);
      const status = await fetch(`${api}/v1.0/healthz`).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 204) return;
    }
    throw new Error(`the process was not ready after 20 s:\n${lines.join("\n")}`);
  }

  return {
    async start() {
      isOver = false;
      const started = spawn(program, [...before, "run", "-f", folder, "--data-dir", `${folder}/data`], {
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"],
      });
      child = started;
      for (const stream of [started.stdout, started.stderr])
        stream?.on("data", (chunk: Buffer) => {
          lines = [...lines, ...chunk.toString().split("\n").filter(Boolean)].slice(-40);
        });
      exited = new Promise((resolve, reject) => {
        started.once("error", reject);
        started.once("close", (code) => {
          isOver = true;
          resolve(code ?? 1);
        });
      });
      exited.catch(() => undefined);
      await Promise.all(apis.map(ready));
    },
    async pullIf(wanted) {
      child?.kill("SIGSTOP");
      // A signal takes effect a moment later.
      await pause(5);
      const moment = look(database);
      const isPulled = wanted(moment);
      child?.kill(isPulled ? "SIGKILL" : "SIGCONT");
      if (isPulled) await exited;
      return { moment, isPulled };
    },
    async stop() {
      if (!isOver) child?.kill("SIGINT");
      const end = setTimeout(() => child?.kill("SIGKILL"), 15_000);
      return exited.finally(() => clearTimeout(end));
    },
    log: () => lines.join("\n"),
  };
}
