import { parseDuration } from "../../kit/duration.ts";
import { suggest } from "../../kit/suggest.ts";
import type { PolicyNames, Resiliency } from "../resource/resiliency.ts";
import type { Find } from "./finder.ts";

type Path = readonly (string | number)[];

function isDuration(text: string): boolean {
  if (text === "" || /^-?\d+$/.test(text)) return true;
  try {
    parseDuration(text);
    return true;
  } catch {
    return false;
  }
}

/** Finds durations that are none, kinds of retry that do not exist, and names of policies that nobody defines. */
export function checkResiliency(resiliency: Resiliency, find: Find): void {
  const { policies, targets } = resiliency;
  const duration = (path: Path, text: string) => {
    if (!isDuration(text))
      find("error", path, `${JSON.stringify(text)} is not a duration`, "write for example 5s or 500ms");
  };
  for (const [name, text] of Object.entries(policies.timeouts)) duration(["spec", "policies", "timeouts", name], text);
  for (const [name, retry] of Object.entries(policies.retries)) {
    const at = ["spec", "policies", "retries", name] as const;
    duration([...at, "duration"], retry.duration);
    duration([...at, "maxInterval"], retry.maxInterval);
    if (!["", "constant", "exponential"].includes(retry.policy.toLowerCase())) {
      const message = `${JSON.stringify(retry.policy)} is no kind of retry`;
      find("error", [...at, "policy"], message, "write constant or exponential");
    }
  }
  for (const [name, breaker] of Object.entries(policies.circuitBreakers)) {
    duration(["spec", "policies", "circuitBreakers", name, "interval"], breaker.interval);
    duration(["spec", "policies", "circuitBreakers", name, "timeout"], breaker.timeout);
  }
  const names = (path: Path, used: PolicyNames) => {
    const known = { timeout: policies.timeouts, retry: policies.retries, circuitBreaker: policies.circuitBreakers };
    for (const key of ["timeout", "retry", "circuitBreaker"] as const) {
      const name = used[key];
      if (name === "" || Object.hasOwn(known[key], name)) continue;
      const near = suggest(name, Object.keys(known[key]));
      const fix = near === undefined ? "define it below spec.policies" : `did you mean ${JSON.stringify(near)}?`;
      find("error", [...path, key], `no ${key} policy is named ${JSON.stringify(name)}`, fix);
    }
  };
  for (const [app, used] of Object.entries(targets.apps)) names(["spec", "targets", "apps", app], used);
  for (const [type, used] of Object.entries(targets.actors)) {
    names(["spec", "targets", "actors", type], used);
    if (["", "type", "id", "both"].includes(used.circuitBreakerScope)) continue;
    const message = `${JSON.stringify(used.circuitBreakerScope)} is no scope of a circuit breaker`;
    find("error", ["spec", "targets", "actors", type, "circuitBreakerScope"], message, "write type, id or both");
  }
  for (const [component, used] of Object.entries(targets.components)) {
    names(["spec", "targets", "components", component, "inbound"], used.inbound);
    names(["spec", "targets", "components", component, "outbound"], used.outbound);
  }
}
