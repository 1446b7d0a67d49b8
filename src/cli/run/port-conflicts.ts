import type { AppRun } from "../../config/run-plan.ts";
import type { Status } from "../status.ts";

/** Leaves out the apps whose port an earlier app of the same run has, and says so. */
export function withoutPortConflicts(apps: readonly AppRun[], status: Status): readonly AppRun[] {
  const takenBy = new Map<string, AppRun>();
  return apps.filter((app) => {
    const { port, channelAddress } = app.options.app;
    if (port === 0) return true;
    const key = `${channelAddress}:${port}`;
    const other = takenBy.get(key);
    if (other === undefined) {
      takenBy.set(key, app);
      return true;
    }
    const which = `app "${app.options.appId}" of ${app.place}`;
    status.failure(
      `${which}: app port ${port} is already the one of app "${other.options.appId}" of ${other.place}, give it another appPort`,
    );
    return false;
  });
}
