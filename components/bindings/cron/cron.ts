import type { BindingHandler, BindingReader } from "../../../src/driver/bindings.ts";
import type { DriverContext } from "../../../src/driver/context.ts";
import { defineBinding } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { parseSchedule, type Schedule } from "../../../src/kit/cron.ts";
import { m } from "../../../src/kit/schema/codecs.ts";

const nothing = new Uint8Array();

/** compat: a time as Go prints it, without zeros at the end of its fraction. */
function goTime(ms: number): string {
  const [date = "", time = ""] = new Date(ms).toISOString().slice(0, -1).split("T");
  return `${date} ${time.replace(/\.?0+$/, "")} +0000 UTC`;
}

async function readSchedule(text: string): Promise<Schedule> {
  try {
    return await parseSchedule(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DriverError("badMetadata", `invalid schedule format '${text}': ${reason}`, { cause });
  }
}

/** Fires at the times of the schedule. Each firing runs on its own; its outcome has no effect. */
function fire(schedule: Schedule, handle: BindingHandler, { clock, log, name }: DriverContext): BindingReader {
  const inHand = new Set<Promise<unknown>>();
  let cancel = (): void => undefined;
  let isClosed = false;

  function plan(dueAt: number | undefined): void {
    if (dueAt === undefined) return;
    cancel = clock.alarm(Math.ceil(dueAt), () => {
      if (isClosed) return;
      const now = clock.now();
      // From the planned time on, so that intervals do not drift; firings that were missed are not made up.
      const next = schedule.next(dueAt);
      plan(next === undefined || next > now ? next : schedule.next(now));
      log.debug(`name: ${name}, schedule fired: ${goTime(now)}`);
      const metadata = { timeZone: "Local", readTimeUTC: goTime(now) };
      const work: Promise<unknown> = handle({ data: nothing, metadata })
        .catch((error: unknown) => log.debug(`name: ${name}, event was not taken: ${error}`))
        .finally(() => inHand.delete(work));
      inHand.add(work);
    });
  }
  plan(schedule.next(clock.now()));
  return {
    async close() {
      isClosed = true;
      cancel();
      await Promise.all(inHand);
    },
  };
}

export default defineBinding({
  type: "bindings.cron",
  versions: ["v1"],
  status: "stable",
  summary: "Input: events at the times of a cron schedule or at intervals",
  directions: ["input"],
  metadata: {
    schedule: m
      .text()
      .required("schedule not set")
      .help("Five or six cron fields, @daily and its kin, @every 5s; TZ=Europe/Paris in front for another zone"),
  },
  async open({ schedule: text }, context) {
    const schedule = await readSchedule(text);
    const readers = new Set<BindingReader>();
    return {
      operations: [],
      async read(handle) {
        const reader = fire(schedule, handle, context);
        readers.add(reader);
        return {
          async close() {
            readers.delete(reader);
            await reader.close();
          },
        };
      },
      async close() {
        await Promise.all([...readers].map((reader) => reader.close()));
      },
    };
  },
});
