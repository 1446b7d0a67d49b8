import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const component = (name: string, type: string, metadata: Readonly<Record<string, string>>): string => {
  const items = Object.entries(metadata).map(
    ([key, value]) => `  - name: ${key}\n    value: ${JSON.stringify(value)}\n`,
  );
  const list = items.length === 0 ? "  metadata: []\n" : `  metadata:\n${items.join("")}`;
  return `apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: ${name}\nspec:\n  type: ${type}\n  version: v1\n${list}`;
};

/** A `statestore` on the given SQLite file; it flushes each commit to the disk, which is both subjects' default. */
export const sqliteState = (file: string): string =>
  component("statestore", "state.sqlite", { connectionString: file });

/** A `statestore` in the given file; with an outbox to a topic of `pubsub` where that is not empty. */
export const outboxState = (file: string, topic: string): string =>
  component("statestore", "state.sqlite", {
    connectionString: file,
    ...(topic !== "" && { outboxPublishPubsub: "pubsub", outboxPublishTopic: topic }),
  });

/** A durable `pubsub` in the given file whose apps may hold any number of events. */
export const patientPubsub = (file: string): string =>
  component("pubsub", "pubsub.embedded", { path: file, concurrency: "1000000" });

/** A volatile `pubsub`. */
export const inMemoryPubsub = (): string => component("pubsub", "pubsub.in-memory", {});

/** A durable `pubsub` in the given file. */
export const embeddedPubsub = (file: string): string => component("pubsub", "pubsub.embedded", { path: file });

/** A subscription of all apps to a topic of `pubsub`, in bulks of at most `bulk` where that is not 0. */
export const subscription = (topic: string, route: string, bulk = 0): string => {
  const head = `apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata:\n  name: ${topic}\nspec:\n`;
  const rest =
    bulk === 0
      ? ""
      : `  bulkSubscribe:\n    enabled: true\n    maxMessagesCount: ${bulk}\n    maxAwaitDurationMs: 20\n`;
  return `${head}  pubsubname: pubsub\n  topic: ${topic}\n  routes:\n    default: ${route}\n${rest}`;
};

/** Writes resources into a new folder, which it gives back. */
export const writeResources = (folder: string, resources: readonly string[]): string => {
  mkdirSync(folder, { recursive: true });
  resources.forEach((text, index) => {
    writeFileSync(join(folder, `resource-${index}.yaml`), text);
  });
  return folder;
};

/** One app of a multi-app template. */
export interface TemplateApp {
  readonly appId: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
  readonly appPort?: number;
}

/** Writes a `dapr.yaml` whose apps have no command: their runtime alone is started. */
export const writeTemplate = (folder: string, apps: readonly TemplateApp[], resourcesPath?: string): string => {
  const lines = ["version: 1"];
  if (resourcesPath !== undefined) lines.push("common:", "  resourcesPaths:", `    - ${JSON.stringify(resourcesPath)}`);
  lines.push("apps:");
  for (const app of apps) {
    const home = join(folder, app.appId);
    mkdirSync(home, { recursive: true });
    lines.push(`  - appID: ${app.appId}`, `    appDirPath: ${JSON.stringify(home)}`);
    lines.push(
      `    daprHTTPPort: ${app.httpPort}`,
      `    daprGRPCPort: ${app.grpcPort}`,
      `    metricsPort: ${app.metricsPort}`,
    );
    if (app.appPort !== undefined) lines.push(`    appPort: ${app.appPort}`);
  }
  const file = join(folder, "dapr.yaml");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
};
