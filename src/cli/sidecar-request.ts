import { readEnvironment } from "../config/env.ts";
import type { AppRecord } from "../registry/app-record.ts";
import { CommandError } from "./command-error.ts";
import type { Program } from "./program.ts";

/** Sends a request to the HTTP API of a running sidecar, with the token of DAPR_API_TOKEN. Throws CommandError when it cannot be reached. */
export async function askSidecar(
  { platform }: Program,
  record: AppRecord,
  method: string,
  path: string,
  body?: { readonly data: string | Uint8Array<ArrayBuffer>; readonly type: string },
): Promise<Response> {
  const { apiToken } = readEnvironment(platform.env);
  const headers = new Headers(body === undefined ? {} : { "content-type": body.type });
  if (apiToken !== "") headers.set("dapr-api-token", apiToken);
  if (record.httpAddress === "") {
    throw new CommandError(
      `the sidecar of "${record.appId}" listens on a unix socket only, which this command does not use`,
    );
  }
  const url = `http://${record.httpAddress}${path}`;
  try {
    return await fetch(url, { method, headers, ...(body !== undefined && { body: body.data }) });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`calling "${url}" failed: ${why}`, { cause });
  }
}
