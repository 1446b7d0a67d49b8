import type { Options } from "../config/options.ts";
import type { Platform } from "../platform/types.ts";

/** The address that others reach this host by: DAPR_HOST_IP, else the first one that is not loopback (IPv4 first), else loopback. */
export function hostAddress(options: Options, platform: Platform): string {
  if (options.hostAddress !== "") return options.hostAddress;
  return platform.process?.addresses()[0]?.address ?? "127.0.0.1";
}

/** True when every address of a listener is loopback. */
export function isLoopbackOnly(addresses: readonly string[]): boolean {
  return addresses.length > 0 && addresses.every((address) => /^(?:127\.|localhost$|\[?::1\]?$)/.test(address));
}
