import { row } from "../row.ts";

/** Errors of the health API. */
export const healthRows = {
  healthNotReady: row<{ targets: readonly string[] }>()({
    category: "health",
    http: 500,
    grpc: "Internal",
    tag: "ERR_HEALTH_NOT_READY",
    text: (p) => `dapr is not ready: [${p.targets.join(" ")}]`,
  }),
  healthAppIdMismatch: row<Record<never, never>>()({
    category: "health",
    http: 500,
    grpc: "Internal",
    tag: "ERR_HEALTH_APPID_NOT_MATCH",
    text: () => "dapr app-id does not match",
  }),
  outboundNotReady: row<Record<never, never>>()({
    category: "health",
    http: 500,
    grpc: "Internal",
    tag: "ERR_OUTBOUND_HEALTH_NOT_READY",
    text: () => "dapr outbound is not ready",
  }),
};
