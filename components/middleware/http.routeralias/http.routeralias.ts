import { defineHttpMiddleware } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { decodePath, encodePath, encodeQuery, parseQuery } from "../../_shared/go-url.ts";
import { createRoutePattern, type RoutePattern } from "./route-pattern.ts";

interface Alias {
  readonly pattern: RoutePattern;
  /** Not escaped. */
  readonly path: string;
}

/** The pairs of a `routes` value: a JSON or YAML object of texts. */
async function readRoutes(text: string): Promise<[string, string][]> {
  try {
    const { parse } = await import("yaml");
    const routes: unknown = parse(text) ?? {};
    if (typeof routes !== "object" || Array.isArray(routes)) throw new Error("it is not an object");
    return Object.entries(routes as object).map(([from, to]) => {
      if (typeof to === "object" && to !== null) throw new Error(`the route of "${from}" is not text`);
      return [from, String(to ?? "")];
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DriverError("badMetadata", `failed to decode 'routes' property as JSON or YAML: ${why}`, { cause });
  }
}

/** compat: middleware/http/routeralias takes every property for a route, when `routes` is not the only one. */
function legacyRoutes(raw: ReadonlyMap<string, string>): [string, string][] {
  return [...raw].map(([from, to]) => {
    if (from !== "" && to !== "") return [from, to];
    throw new DriverError("badMetadata", "invalid key/value pair in metadata: must not be empty");
  });
}

export default defineHttpMiddleware({
  type: "middleware.http.routeralias",
  versions: ["v1"],
  status: "alpha",
  summary: "Leads requests from paths of one's own to those of the API or the app",
  metadata: {
    routes: m
      .text()
      .default("")
      .help("JSON or YAML object: path with `{name}` or `{name:regex}` to internal path; the names join the query"),
  },
  async open({ routes }, { log }, raw) {
    const isLegacy = raw.size > 1 || (raw.size === 1 && routes === "");
    if (isLegacy) log.warn("Listing routes as key-value pairs is deprecated. Please use the 'routes' property instead");
    const aliases: Alias[] = [];
    for (const [from, path] of isLegacy ? legacyRoutes(raw) : await readRoutes(routes)) {
      try {
        aliases.push({ pattern: createRoutePattern(from), path });
      } catch (error) {
        log.warn(`route "${from}" matches nothing: ${(error as Error).message}`);
      }
    }

    return {
      handle(request, next) {
        const path = decodePath(request.path);
        for (const alias of aliases) {
          const found = alias.pattern(path);
          if (found === undefined) continue;
          const query = found.length === 0 ? request.query : encodeQuery([...parseQuery(request.query), ...found]);
          return next({ ...request, path: encodePath(alias.path), query });
        }
        return next(request);
      },
      async close() {},
    };
  },
});
