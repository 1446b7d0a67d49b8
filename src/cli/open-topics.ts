import { dataDirectory } from "../config/data-directory.ts";
import { absolutePath } from "../config/paths.ts";
import { DriverError } from "../driver/errors.ts";
import type { PubSub } from "../driver/pubsub.ts";
import type { TopicAdmin } from "../driver/topic-admin.ts";
import { CommandError } from "./command-error.ts";
import { needHost } from "./host.ts";
import type { Program } from "./program.ts";

const type = "pubsub.embedded";

/** Where the embedded broker of a command is: a file, or the one of a data folder. */
export interface BrokerPlace {
  readonly path: string;
  readonly dataDir: string;
}

function isMissing(error: unknown): boolean {
  return DriverError.is(error) && error.kind === "notFound";
}

/** Works on the topics of an embedded broker, whether a process uses it meanwhile or not. Throws CommandError. */
export async function withTopics<T>(
  program: Program,
  place: BrokerPlace,
  work: (topics: TopicAdmin) => Promise<T>,
): Promise<T> {
  const { process, files } = needHost(program);
  const { platform, catalog } = program;
  const path =
    place.path === ""
      ? `${dataDirectory(place.dataDir, platform.env, process.cwd())}/pillion.db`
      : absolutePath(process.cwd(), place.path);
  if ((await files.stat(path)) === null)
    throw new CommandError(
      `there is no broker at ${path}; name its file with --path, or the folder of "pillion run" with --data-dir`,
    );
  const openBroker = await program.openBroker();
  const warn = (line: string): void => process.stderr(`${line}\n`);
  let broker: PubSub | undefined;
  try {
    broker = await openBroker({ platform, catalog, path, warn });
    if (broker === undefined) throw new CommandError(`this program is built without ${type}`);
    if (broker.topics === undefined) throw new CommandError(`${type} cannot show its topics`);
    return await work(broker.topics);
  } catch (error) {
    if (!DriverError.is(error)) throw error;
    const hint = isMissing(error) ? '; "pillion topics" lists what there is' : "";
    throw new CommandError(`${error.message}${hint}`, { cause: error });
  } finally {
    await broker?.close();
  }
}
