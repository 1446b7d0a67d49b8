import { ConfigError } from "../../config/config-error.ts";
import { type FlagValues, flag, parseFlags } from "../../config/flags.ts";
import { dataDirFlag } from "../../config/run-flags.ts";
import type { DeadLetter, TopicAdmin, TopicSummary } from "../../driver/topic-admin.ts";
import { suggest } from "../../kit/suggest.ts";
import type { Command } from "../command.ts";
import { needHost } from "../host.ts";
import { withTopics } from "../open-topics.ts";
import type { Program } from "../program.ts";
import { formatTable } from "../table.ts";

const flags = {
  from: flag.text(
    "",
    "Where a replay begins: an offset, a time such as 2030-01-31T12:00:00Z, or a duration ago such as 1h",
  ),
  group: flag.text("", "Consumer group: the app id of its apps, or their consumerID", { short: "g" }),
  limit: flag.count(20, "How many dead letters to show"),
  force: flag.bool(false, "Remove a group although it seems to have subscribers"),
  path: flag.text("", "File of the broker, where it is not the one of the data folder"),
  json: flag.bool(false, "Print JSON"),
  "data-dir": dataDirFlag,
};

/** What the command does, and the arguments of each. */
const actions = {
  list: "",
  "dead-letters": "TOPIC",
  redeliver: "TOPIC",
  replay: "TOPIC",
  "remove-group": "TOPIC",
  purge: "TOPIC",
} as const;
type Action = keyof typeof actions;

interface Job {
  readonly action: Action;
  readonly topic: string;
  readonly values: FlagValues<typeof flags>;
  readonly now: number;
}

function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.trunc(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.trunc(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.trunc(seconds / 3600)}h` : `${Math.trunc(seconds / 86_400)}d`;
}

function sizeOf(bytes: number): string {
  if (bytes < 10_240) return `${bytes} B`;
  const kilobytes = bytes / 1024;
  return kilobytes < 10_240 ? `${Math.round(kilobytes)} KB` : `${Math.round(kilobytes / 1024)} MB`;
}

/** One line for each group; a topic without groups has a line of its own. */
function listTable(topics: readonly TopicSummary[], now: number): string {
  if (topics.length === 0) return "There are no topics yet.\n";
  const lines = topics.flatMap((topic) => {
    const oldest = topic.oldestAt === null ? "-" : ageOf(now - topic.oldestAt);
    const about = [
      String(topic.messages),
      sizeOf(topic.bytes),
      oldest,
      String(topic.delayed),
      String(topic.deadLetters),
    ];
    if (topic.groups.length === 0) return [[topic.name, ...about, "-", "-", "-", "-", "-"]];
    return topic.groups.map((group, index) => [
      ...(index === 0 ? [topic.name, ...about] : ["", "", "", "", "", ""]),
      group.name,
      ...[group.backlog, group.inFlight, group.waiting, group.consumers].map(String),
    ]);
  });
  const head = "TOPIC,MESSAGES,SIZE,OLDEST,DELAYED,DEAD,GROUP,BACKLOG,IN FLIGHT,WAITING,CONSUMERS";
  return formatTable([head.split(","), ...lines]);
}

function textOf(data: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    return `${data.length} bytes`;
  }
}

function deadTable(letters: readonly DeadLetter[], now: number): string {
  if (letters.length === 0) return "There are no dead letters.\n";
  const lines = letters.map(({ offset, in: place, group, putAsideAt, data }) => [
    String(offset),
    place,
    group,
    ageOf(now - putAsideAt),
    textOf(data).replace(/\s+/g, " ").slice(0, 120),
  ]);
  return formatTable([["OFFSET", "IN", "GROUP", "AGE", "EVENT"], ...lines]);
}

function startOf(text: string, now: number): { readonly offset: number } | { readonly time: number } {
  if (/^\d+$/.test(text)) return { offset: Number(text) };
  if (/^\d{4}-\d{2}-\d{2}T/.test(text) && !Number.isNaN(Date.parse(text))) return { time: Date.parse(text) };
  try {
    return { time: now - flag.duration(0, "").parse(text, undefined) };
  } catch (cause) {
    const wanted = "an offset, a time such as 2030-01-31T12:00:00Z, or a duration such as 1h";
    throw new ConfigError("usage", `--from wants ${wanted}, not "${text}"`, { cause });
  }
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** Does the job; answers what to print, as JSON and for people. */
async function perform(topics: TopicAdmin, { action, topic, values, now }: Job): Promise<[unknown, string]> {
  const { group } = values;
  switch (action) {
    case "list": {
      const found = await topics.list();
      return [found, listTable(found, now)];
    }
    case "dead-letters": {
      const found = await topics.deadLetters(topic, values.limit);
      return [found.map((letter) => ({ ...letter, data: textOf(letter.data) })), deadTable(found, now)];
    }
    case "redeliver": {
      const redelivered = await topics.redeliver(topic);
      return [{ redelivered }, `${plural(redelivered, "dead letter")} of ${topic} will be delivered again.\n`];
    }
    case "replay": {
      const replayed = await topics.replay(topic, group, startOf(values.from, now));
      return [{ replayed }, `${plural(replayed, "message")} of ${topic} will be delivered to ${group} again.\n`];
    }
    case "remove-group": {
      const dropped = await topics.removeGroup(topic, group, values.force);
      return [{ dropped }, `Group ${group} of ${topic} is gone, with a backlog of ${plural(dropped, "message")}.\n`];
    }
    case "purge": {
      const removed = await topics.purge(topic);
      return [{ removed }, `${plural(removed, "message")} of ${topic} removed.\n`];
    }
  }
}

function readJob(program: Program, args: readonly string[]): Job {
  const { values, rest } = parseFlags(flags, args, { suggest: true });
  const [action = "list", topic = "", ...more] = rest;
  const names = Object.keys(actions);
  if (!Object.hasOwn(actions, action)) {
    const near = suggest(action, names);
    const meant = near === undefined ? `use ${names.join(", ")}` : `did you mean "${near}"?`;
    throw new ConfigError("usage", `topics has no action "${action}", ${meant}`);
  }
  const known = action as Action;
  if (known === "list" ? topic !== "" : more.length > 0)
    throw new ConfigError("usage", `unexpected argument "${known === "list" ? topic : more[0]}"`);
  if (known !== "list" && topic === "") throw new ConfigError("usage", `${action} needs the name of a topic`);
  if ((known === "replay" || known === "remove-group") && values.group === "")
    throw new ConfigError("usage", `${action} needs the consumer group, give --group`);
  if (known === "replay") startOf(values.from, 0);
  return { action: known, topic, values, now: program.platform.clock.now() };
}

export const topicsCommand: Command = {
  name: "topics",
  usage: `[${Object.keys(actions).join(" | ")}] [TOPIC] [FLAGS]`,
  summary: "Look into the topics of the embedded broker, replay and redeliver",
  about: [
    "Works on the file of pubsub.embedded, by default the one of the data folder, whether apps use it meanwhile or not; running subscribers notice at once.",
    "list shows each topic with its consumer groups: the backlog is what a group is not done with, in flight what its apps have just now, waiting what comes again later. DEAD counts the messages of the topic that lie in dead letter topics.",
    "dead-letters shows those messages. redeliver gives them back to the groups that gave them up.",
    "replay hands the messages from an offset or a time on to one group again, as far as they are still there: set retention on the component to keep what was acknowledged.",
    "remove-group removes a consumer group that is not needed any more, so that messages do not wait for it. purge removes all messages of a topic.",
  ],
  examples: [
    ["What waits where", "pillion topics"],
    ["Try the dead letters of a topic again", "pillion topics redeliver orders"],
    ["Process the last hour again", "pillion topics replay orders --group shipping --from 1h"],
    ["A backlog for a script", `pillion topics --json | jq '.[] | select(.name=="orders").groups[].backlog'`],
  ],
  actions: Object.keys(actions),
  flags,
  async run(program, args) {
    const job = readJob(program, args);
    const { path, json, "data-dir": dataDir } = job.values;
    const [value, text] = await withTopics(program, { path, dataDir }, (topics) => perform(topics, job));
    needHost(program).process.stdout(json ? `${JSON.stringify(value, undefined, 2)}\n` : text);
    return 0;
  },
};
