import { componentLogName } from "../config/resource/component.ts";
import type { DriverContext } from "../driver/context.ts";
import type { Catalog, Category, Contracts, Driver } from "../driver/define.ts";
import type { Clock } from "../kit/clock.ts";
import type { Platform } from "../platform/types.ts";
import { InitError } from "./init-error.ts";

/** Categories that this build serves, with the words upstream uses when a type is unknown. */
export const categoryNames: Readonly<Record<Category, string>> = {
  state: "state store",
  pubsub: "message bus",
  secretstores: "secret store",
  nameresolution: "name resolver",
  bindings: "binding",
  middleware: "HTTP middleware",
};

/** The category of a component type, undefined when no block serves it. */
export function categoryOf(type: string): Category | undefined {
  const head = type.slice(0, Math.max(0, type.indexOf(".")));
  return Object.hasOwn(categoryNames, head) ? (head as Category) : undefined;
}

type Named = { readonly name: string; readonly type: string; readonly version: string };

/** Upstream's words for a type and version that the build does not have. */
export function unknownDriver(category: Category, { name, type, version }: Named): string {
  const what = `${categoryNames[category]} ${type}/${version}`;
  return category === "middleware"
    ? `process component ${name} error: ${what} has not been registered`
    : `couldn't find ${what}`;
}

/** What a component's failure to open is wrapped in. */
export function openFailure(category: Category, { name, type, version }: Named, why: string): InitError {
  const resource = { name, type, version };
  // compat: middlewares are created, not initialised (pkg/runtime/processor/middleware/middleware.go).
  if (category !== "middleware") return new InitError("init", componentLogName(resource), why);
  const text = `process component ${name} error: error creating ${categoryNames[category]} ${type}/${version}: ${why}`;
  return new InitError("creation", componentLogName(resource), text);
}

/** The driver that has the type as another name. Loads those of the category, which only a rare or wrong name is worth. */
async function findAlias(catalog: Catalog, wanted: string): Promise<Driver | undefined> {
  const category = wanted.slice(0, wanted.indexOf(".") + 1);
  for (const known of Object.keys(catalog).filter((name) => category !== "" && name.startsWith(category))) {
    const driver = (await catalog[known]?.())?.default;
    if (driver?.aliases.includes(wanted)) return driver;
  }
  return undefined;
}

/** Finds and loads the driver of a type and version; undefined when the build has none. */
export async function findDriver(catalog: Catalog, type: string, version: string): Promise<Driver | undefined> {
  const wanted = type.toLowerCase();
  const driver = (await catalog[wanted]?.())?.default ?? (await findAlias(catalog, wanted));
  if (driver === undefined) return undefined;
  const asked = version.toLowerCase();
  const initial = asked === "" || asked === "v0" || asked === "v1";
  return driver.versions.includes(asked) || (initial && driver.versions.includes("v1")) ? driver : undefined;
}

/** Why a driver cannot run on this host, undefined when it can. */
export function lacking(driver: Driver, platform: Platform): string | undefined {
  const missing = driver.needs.filter((need) => platform[need as "sqlite"] === undefined);
  return missing.length === 0
    ? undefined
    : `"${driver.type}" needs ${missing.join(", ")}, which the ${platform.name} runtime does not give`;
}

/** Opens a driver within its time limit, which fails at once when it is 0 or less. A driver that comes up too late is closed again. */
export async function openWithin(
  driver: Driver,
  properties: ReadonlyMap<string, string>,
  makeContext: (signal: AbortSignal) => DriverContext,
  limit: { readonly clock: Clock; readonly timeoutMs: number; readonly name: string },
): Promise<Contracts[Category]> {
  const tooLate = `init timeout for component ${limit.name}`;
  if (limit.timeoutMs <= 0) throw new Error(tooLate);
  const abort = new AbortController();
  const timedOut = Promise.withResolvers<never>();
  const cancel = limit.clock.after(limit.timeoutMs, () => {
    const error = new Error(`context deadline exceeded\n${tooLate}`);
    abort.abort(error);
    timedOut.reject(error);
  });
  const opening = driver.open(properties, makeContext(abort.signal));
  try {
    return await Promise.race([opening, timedOut.promise]);
  } catch (error) {
    opening.then(
      (late) => late.close(),
      () => undefined,
    );
    throw error;
  } finally {
    cancel();
  }
}
