import type { daprdFlags } from "./daprd-flags.ts";
import type { Environment } from "./env.ts";
import type { Options } from "./options.ts";
import { readDaprdCommand } from "./read-options.ts";

type Setting = string | number | boolean | readonly string[] | undefined;

/** Settings of a sidecar under the names of its flags; undefined leaves the default. */
export type SidecarSettings = { readonly [K in keyof typeof daprdFlags]?: Setting };

/** The options of a sidecar of `pillion run`: upstream's, but on loopback only and with free ports. Throws ConfigError. */
export function runOptions(settings: SidecarSettings, env: Environment): Options {
  const onLoopback: SidecarSettings = {
    "dapr-listen-addresses": "127.0.0.1",
    "dapr-internal-grpc-listen-address": "127.0.0.1",
    "metrics-listen-address": "127.0.0.1",
  };
  const args = Object.entries({ ...onLoopback, ...settings }).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value.map((one) => `--${name}="${one.replaceAll('"', '""')}"`);
    return [`--${name}=${value}`];
  });
  const command = readDaprdCommand(args, { DAPR_HOST_IP: "127.0.0.1", ...env });
  if (command.action !== "run") throw new Error("the settings of a sidecar asked for something else than to run it");
  return command.options;
}

/** A port as `run` takes it: -1 and 0 let the system choose. */
export function portSetting(port: number): number {
  return Math.max(0, port);
}

/** A number that counts only when it is positive. */
export function positive(value: number): number | undefined {
  return value > 0 ? value : undefined;
}

/** Text that counts only when there is some. */
export function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
