import { ConfigError } from "../config/config-error.ts";
import { flag } from "../config/flags.ts";
import type { Files } from "../platform/types.ts";
import { CommandError } from "./command-error.ts";

/** The two ways to give a body on the command line. */
export const payloadFlags = {
  data: flag.text("", "Body of the request", { short: "d" }),
  "data-file": flag.text("", "File with the body of the request", { short: "f" }),
};

/** The bytes that the flags give; none when neither was given. */
export async function readPayload(
  files: Files,
  values: { readonly data: string; readonly "data-file": string },
): Promise<Uint8Array<ArrayBuffer>> {
  const path = values["data-file"];
  if (path !== "" && values.data !== "") {
    throw new ConfigError("usage", "Only one of --data and --data-file allowed in the same command");
  }
  if (path === "") return new TextEncoder().encode(values.data);
  try {
    return new Uint8Array(await files.readBytes(path));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`Error reading payload from '${path}'. Error: ${why}`, { cause });
  }
}
