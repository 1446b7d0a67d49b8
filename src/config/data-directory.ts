import { ConfigError } from "./config-error.ts";
import type { Environment } from "./env.ts";
import { absolutePath, expandHome } from "./paths.ts";

/** The user's home folder; empty when the environment does not name it. */
export function homeDirectory(env: Environment): string {
  return env["HOME"] || env["USERPROFILE"] || "";
}

/** The folder for what `pillion` keeps: the one given, else `~/.pillion`. Absolute. Throws ConfigError when there is no home. */
export function dataDirectory(given: string, env: Environment, cwd: string): string {
  const home = homeDirectory(env);
  if (given !== "") return absolutePath(cwd, expandHome(given, home));
  if (home === "") throw new ConfigError("options", "there is no home folder (HOME is not set), give --data-dir");
  return absolutePath(cwd, `${home}/.pillion`);
}
