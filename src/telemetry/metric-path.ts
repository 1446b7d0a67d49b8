/** Merges repeated slashes and puts one in front. */
export function normalizeHttpPath(path: string): string {
  const merged = path.includes("//") ? path.replace(/\/{2,}/g, "/") : path;
  return merged.startsWith("/") ? merged : `/${merged}`;
}

/** compat: a path without the parts that vary, as upstream's label of increased cardinality has it (pkg/diagnostics/http_monitoring_legacy.go). */
export function reducedPath(path: string): string {
  if (path === "") return path;
  const clean = normalizeHttpPath(path);
  const second = clean.indexOf("/", 1);
  if (second < 0) return clean;
  const third = clean.indexOf("/", second + 1);
  if (third < 0) return clean;
  if (clean.startsWith("/actors/")) {
    const [, kind, type, , ...rest] = clean.split("/");
    return [kind, type, "{id}", ...rest].join("/");
  }
  const isGroup = (name: string): boolean => clean.startsWith(name, second + 1) && second + 1 + name.length === third;
  if (isGroup("state") || isGroup("secrets")) {
    const end = clean.indexOf("/", third + 1);
    return end < 0 ? clean : clean.slice(0, end);
  }
  if (isGroup("actors")) return reducedActorPath(clean);
  if (isGroup("workflows")) return reducedWorkflowPath(clean);
  return clean;
}

function reducedActorPath(path: string): string {
  const [, version, group, type, , last] = path.split("/");
  if (last === undefined) return path;
  return `/${version}/${group}/${type}/{id}/${last}`;
}

function reducedWorkflowPath(path: string): string {
  const parts = path.slice(1).split("/");
  const [version, group, component, name, action, ...event] = parts;
  const lead = `/${version}/${group}/${component}`;
  if (parts.length < 4) return path;
  if (action === undefined) return `${lead}/{instanceId}`;
  if (parts.length === 5 && action.startsWith("start")) return `${lead}/${name}/start`;
  if (action === "raiseEvent" && event.join("/") !== "") return `${lead}/{instanceId}/raiseEvent/{eventName}`;
  return `${lead}/{instanceId}/${action}`;
}
