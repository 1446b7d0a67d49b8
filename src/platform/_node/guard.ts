import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";

/**
 * The shell becomes the program and leaves a watcher in its group, which reads from descriptor 3 until the other end is closed: by us
 * when the program has ended, by the system when we are gone. Then it kills what is left of the group, itself included.
 */
const script = `(trap "" INT TERM HUP QUIT; read _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-`;

/** The command that runs `command` under a watcher; descriptor 3 has to be a pipe that only we hold. */
export function guardedCommand(command: readonly string[]): readonly string[] {
  return ["/bin/sh", "-c", script, "sh", ...command];
}

/** Why the program of a command cannot be started, as the system would say; undefined when it can. A shell would only tell its own stderr. */
export function missingProgram(program: string, cwd: string, path: string | undefined): string | undefined {
  const candidates = program.includes("/")
    ? [resolve(cwd, program)]
    : (path ?? "/usr/local/bin:/usr/bin:/bin").split(delimiter).map((folder) => resolve(cwd, folder, program));
  let reason = "command not found";
  for (const candidate of candidates) {
    try {
      if (!statSync(candidate).isFile()) continue;
      accessSync(candidate, constants.X_OK);
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EACCES") reason = "permission denied";
    }
  }
  return reason;
}
