import type { DriverContext } from "../../src/driver/context.ts";
import type { Platform } from "../../src/platform/types.ts";
import { createStorages } from "../../src/storage/storages.ts";

/** What a driver gets in tests: a silent log, the platform's clock, storages of its own; `change` replaces members. */
export function driverContext(platform: Platform, name: string, change: Partial<DriverContext> = {}): DriverContext {
  const storages = createStorages({ platform });
  const silent = () => {};
  return {
    name,
    appId: "app",
    namespace: "",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    signal: new AbortController().signal,
    platform,
    clock: platform.clock,
    random: platform.random,
    storage: (path, options) => storages.open(path, options),
    ...change,
  };
}
