import { fail } from "../../errors/error.ts";
import type { HealthPorts } from "./ports.ts";

/** The health of a sidecar. */
export interface Health {
  /** Throws unless everything is ready and, where the caller names an app id, it is ours. */
  check(expectedAppId?: string): void;
  /** Throws unless outbound APIs can be used. */
  checkOutbound(): void;
}

/** Health checks on top of what the sidecar waits for. */
export function createHealth(ports: HealthPorts): Health {
  return {
    check(expectedAppId) {
      const targets = ports.missing();
      if (targets.length > 0) throw fail("healthNotReady", { targets });
      if (expectedAppId !== undefined && expectedAppId !== ports.appId) throw fail("healthAppIdMismatch", {});
    },
    checkOutbound() {
      if (!ports.isOutboundReady()) throw fail("outboundNotReady", {});
    },
  };
}
