import type { InvokePolicies } from "../blocks/invoke/ports.ts";
import type { Policy } from "../kit/policy.ts";
import type { PolicyProvider } from "../resiliency/provider.ts";

/**
 * The policies of invocation. What shares a circuit breaker is told by the key: the method of an app, the base URL of an HTTP
 * endpoint (`baseUrl` gives it, undefined for other names), or a URL with its method.
 */
export function invokePolicies(
  resiliency: PolicyProvider,
  replayBytes: number,
  baseUrl: (id: string) => string | undefined,
): InvokePolicies {
  const { endpoint } = resiliency;
  const builtIn = resiliency.builtIn("DaprBuiltInServiceRetries");
  const keyOf = (id: string, method: string): string => {
    if (id.startsWith("http://") || id.startsWith("https://")) return `${id}/${method}`;
    return `${id}:${baseUrl(id) ?? method}`;
  };
  return {
    call: endpoint === undefined ? undefined : (id, method) => endpoint(id, keyOf(id, method)),
    hop: (appId) => (resiliency.hasEndpoint(appId) ? undefined : builtIn),
    replayBytes,
  };
}

/** The policies of proxied gRPC calls, by app id and path. Undefined when nothing applies to any. */
export function proxyPolicy({
  endpoint,
}: PolicyProvider): ((id: string, path: string) => Policy | undefined) | undefined {
  return endpoint === undefined ? undefined : (id, path) => endpoint(id, `${id}:${path}`);
}
