import type { ApiVersion, Route } from "./route.ts";

/** A rule of Configuration `spec.api`: an API by group name and version, or the start of a path. */
export interface ApiRule {
  readonly name: string;
  readonly version: string;
}

/** The HTTP rules of the allow and deny lists. */
export interface ApiAccess {
  readonly allowed: readonly ApiRule[];
  readonly denied: readonly ApiRule[];
}

const groupVersions: Readonly<Record<ApiVersion, string>> = {
  "v1.0": "v1",
  "v1.0-alpha1": "v1alpha1",
  "v1.0-alpha2": "v1alpha2",
  "v1.0-beta1": "v1beta1",
};

/** True when the lists let a route exist. Deny wins; health routes always exist; an empty allow list allows all. */
export function isAllowed(route: Pick<Route, "group" | "version" | "path">, access: ApiAccess): boolean {
  if (route.group === "healthz") return true;
  if (access.denied.some((rule) => covers(rule, route))) return false;
  return access.allowed.length === 0 || access.allowed.some((rule) => covers(rule, route));
}

/** True when the lists let calls of apps exist, whichever way they name the app. */
export function isInvokeAllowed(access: ApiAccess): boolean {
  return isAllowed({ group: "invoke", version: "v1.0", path: "/invoke/*" }, access);
}

/** compat: a rule names the group of the route, or is a prefix of its pattern (pkg/api/http/endpoints/endpoint.go). */
function covers(rule: ApiRule, route: Pick<Route, "group" | "version" | "path">): boolean {
  const key = `${rule.version}/${rule.name}`;
  if (key === `${groupVersions[route.version]}/${route.group}`) return true;
  return `${route.version}${upstreamPattern(route.path)}`.startsWith(key);
}

/** `/state/:storeName/:key` as upstream writes it, `/state/{storeName}/{key}`. */
function upstreamPattern(path: string): string {
  return path.replace(/:([^/]+)/g, "{$1}").replace(/\*[^/]*$/, "*");
}
