import type { ResourceSource } from "../config/disk-source.ts";
import { formatFinding } from "../config/finding.ts";
import type { FolderResources } from "../config/load.ts";
import type { Component } from "../config/resource/component.ts";
import { type Resource, resourceLogName } from "../config/resource/kind.ts";
import type { Subscription } from "../config/resource/subscription.ts";
import { ResourceError } from "../config/resource-error.ts";
import type { Clock } from "../kit/clock.ts";
import type { Log } from "../telemetry/ports.ts";
import { differenceOf } from "./reload-difference.ts";
import { createLatest } from "./reload-latest.ts";

export interface ReloadPorts {
  readonly source: ResourceSource;
  readonly clock: Clock;
  readonly log: Log;
  /** How often everything is compared, changes noticed or not; milliseconds. */
  readonly intervalMs: number;
}

/** What a sidecar does with changes. */
export interface ReloadTargets {
  /** What it was opened with. */
  readonly loaded: FolderResources;
  readonly folders: readonly string[];
  readonly components: (wanted: readonly Component[]) => Promise<void>;
  readonly subscriptions: (wanted: readonly Subscription[]) => Promise<void>;
  /** Opens the sidecar anew, for what cannot be changed in place. Answers whether that is going to happen. */
  restart(): Promise<boolean>;
  /** A change that the sidecar must not live with. */
  fail(error: Error): void;
}

/** Watches the resource folders of a sidecar and applies what changes. */
export interface Reload {
  /** From now on changes are applied, also those since this was made. */
  begin(targets: ReloadTargets): void;
  /** Resolves when what is being applied is done. */
  stop(): Promise<void>;
}

/** How soon folders that are not there are looked for again. */
const missingMs = 1000;
const inPlace = "'Component' and 'Subscription'";
const byRestart = "'Configuration', 'HTTPEndpoint', 'Resiliency' and 'WorkflowAccessPolicy'";

/** What cannot be changed in place, one line each. */
function restartCauses(loaded: FolderResources, found: FolderResources): readonly string[] {
  const causes = <T extends Resource>(inUse: readonly T[], wanted: readonly T[]): string[] => {
    const { deleted, updated, created } = differenceOf(inUse, wanted);
    const line = (event: string) => (resource: T) =>
      `Received ${resource.kind} ${event} event: ${resourceLogName(resource)} - restarting the sidecar`;
    return [...deleted.map(line("DELETED")), ...updated.map(line("UPDATED")), ...created.map(line("CREATED"))];
  };
  return [
    ...causes(loaded.configurationFiles, found.configurationFiles),
    ...causes(loaded.httpEndpoints, found.httpEndpoints),
    ...causes(loaded.resiliencies, found.resiliencies),
    ...causes(loaded.workflowAccessPolicies, found.workflowAccessPolicies),
  ];
}

/** Begins to notice changes at once, so that none is lost while the sidecar opens. */
export function createReload({ source, clock, log, intervalMs }: ReloadPorts): Reload {
  let targets: ReloadTargets | undefined;
  let apply: { offer(found: FolderResources): void; stop(): Promise<void> } | undefined;
  let reported: ReadonlySet<string> = new Set();
  let isChanged = false;
  let isStopped = false;
  let hasFailed = false;
  let isReading = false;
  let cancelTimer = (): void => undefined;
  let stopWatch = source.watch(noticed);

  function noticed(): void {
    isChanged = true;
    if (targets !== undefined && !isStopped && !isReading) void readOften(targets);
  }

  function fail(error: unknown): void {
    if (hasFailed || isStopped) return;
    hasFailed = true;
    targets?.fail(error instanceof Error ? error : new Error(String(error)));
  }

  async function readOften(to: ReloadTargets): Promise<void> {
    isReading = true;
    let waitMs = intervalMs;
    while (isChanged && !isStopped) {
      isChanged = false;
      waitMs = (await read(to)) ? intervalMs : Math.min(intervalMs, missingMs);
    }
    isReading = false;
    if (isStopped || hasFailed) return;
    cancelTimer();
    cancelTimer = clock.after(waitMs, () => {
      log.debug("Running scheduled reconcile");
      noticed();
    });
  }

  /** False: something could not be read, and is to be tried again soon. */
  async function read(to: ReloadTargets): Promise<boolean> {
    // A folder that was made anew under its old name is another one to the watcher.
    stopWatch();
    stopWatch = source.watch(noticed);
    let found: FolderResources;
    try {
      found = await source.listFolders();
    } catch (error) {
      if (isStopped) return true;
      const why = error instanceof Error ? error.message : String(error);
      if (ResourceError.is(error) && !error.isFolderMissing) {
        if (error.report !== "") log.error(error.report);
        fail(new Error(`failed to load resources from disk: ${why}`, { cause: error }));
        return true;
      }
      log.error(`resources could not be read, those in use stay: ${why}`);
      return false;
    }
    if (isStopped) return true;
    report(found);
    const causes = restartCauses(to.loaded, found);
    for (const cause of causes) log.info(cause);
    if (causes.length > 0 && (await to.restart())) {
      isStopped = true;
      return true;
    }
    apply?.offer(found);
    return true;
  }

  function report({ warnings }: FolderResources): void {
    const lines = new Map(warnings.map((finding) => [formatFinding(finding), finding.severity]));
    for (const [line, severity] of lines) {
      if (reported.has(line)) continue;
      if (severity === "error") log.error(line);
      else if (severity === "warning") log.warn(line);
      else log.info(line);
    }
    reported = new Set(lines.keys());
  }

  return {
    begin(given) {
      targets = given;
      reported = new Set(given.loaded.warnings.map(formatFinding));
      const components = createLatest(given.components, fail);
      const subscriptions = createLatest(given.subscriptions, fail);
      apply = {
        offer(found) {
          components.offer(found.components);
          subscriptions.offer(found.subscriptions);
        },
        stop: async () => void (await Promise.all([components.stop(), subscriptions.stop()])),
      };
      log.info(`Watching directories: [${given.folders.join(", ")}]`);
      log.info(
        `Hot reloading enabled. ${inPlace} resources are reloaded when they are added, updated or deleted; ${byRestart} resources restart the sidecar.`,
      );
      if (isChanged) noticed();
      else cancelTimer = clock.after(intervalMs, noticed);
    },
    async stop() {
      isStopped = true;
      stopWatch();
      cancelTimer();
      await apply?.stop();
    },
  };
}
