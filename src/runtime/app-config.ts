import type { HttpAppChannel } from "../kit/app-channel.ts";
import { readBody } from "../kit/http-message.ts";
import type { Log } from "../telemetry/ports.ts";

/** What an app may say of itself at GET /dapr/config that this build knows. */
export interface AppConfig {
  /** Actor types that the app hosts. */
  readonly entities: readonly string[];
}

const none: AppConfig = { entities: [] };

/** Asks the app for its configuration. Anything but a JSON object in a 200 counts as none, as upstream has it. */
export async function loadAppConfig(
  app: HttpAppChannel,
  appId: string,
  log: Log,
  signal: AbortSignal,
): Promise<AppConfig> {
  try {
    const call = {
      method: "GET",
      path: "/dapr/config",
      query: "",
      headers: [["dapr-app-id", appId] as const],
      body: null,
    };
    const reply = await app.call(call, signal);
    const body = await readBody(reply.body);
    if (reply.status !== 200 || body.byteLength === 0) return none;
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    const entities = typeof value === "object" && value !== null && "entities" in value ? value.entities : [];
    return { entities: Array.isArray(entities) ? entities.filter((name) => typeof name === "string") : [] };
  } catch (error) {
    log.debug(`app configuration could not be read: ${error instanceof Error ? error.message : String(error)}`);
    return none;
  }
}
