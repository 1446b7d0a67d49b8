import { loadResources } from "../../config/load.ts";
import type { Component } from "../../config/resource/component.ts";
import type { AppRun } from "../../config/run-plan.ts";
import type { Platform } from "../../platform/types.ts";
import type { EmbeddedComponents } from "../program.ts";

const connectMs = 1000;

/** True when something takes connections there. */
function listens({ tcp }: Pick<Platform, "tcp">, host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  if (tcp === undefined) return Promise.resolve(true);
  const socket = tcp(
    { host, port, connectTimeoutMs: connectMs },
    {
      onOpen() {
        resolve(true);
        socket.destroy();
      },
      onData: () => undefined,
      onEnd: () => undefined,
      onDrain: () => undefined,
      onClose: () => resolve(false),
    },
  );
  return promise;
}

async function componentsOf(app: AppRun, platform: Platform): Promise<readonly Component[]> {
  const { files, env } = platform;
  try {
    return (await loadResources({ ...app.options, files, env })).components;
  } catch {
    // The sidecar reads them again and says what is wrong.
    return [];
  }
}

/**
 * Looks whether components name a server on this machine that is not there, before anything starts. The answer is one sentence with all of
 * them and the way out; undefined when all is well.
 */
export async function absentServers(
  platform: Platform,
  embedded: EmbeddedComponents,
  apps: readonly AppRun[],
): Promise<string | undefined> {
  const found = (await Promise.all(apps.map((app) => componentsOf(app, platform)))).flat();
  const unique = [...new Map(found.map((one) => [`${one.source.file}:${one.source.line}`, one])).values()];
  const servers = embedded.localServers(unique);
  const places = [...new Set(servers.map(({ host, port }) => `${host}:${port}`))];
  const open = new Map(
    await Promise.all(
      places.map(async (place) => {
        const cut = place.lastIndexOf(":");
        return [place, await listens(platform, place.slice(0, cut), Number(place.slice(cut + 1)))] as const;
      }),
    ),
  );
  const absent = servers.filter(({ host, port }) => open.get(`${host}:${port}`) === false);
  if (absent.length === 0) return undefined;
  const list = absent.map(
    ({ resource, host, port }) =>
      `component "${resource.name}" (${resource.type}) of ${resource.source.file}:${resource.source.line} is on ${host}:${port}`,
  );
  const which = absent.length === 1 ? "it" : "them";
  return `${list.join(", ")}, where nothing listens: start that server, or add --local to run ${which} on the embedded engine`;
}
