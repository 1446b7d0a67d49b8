import { readEnvironment } from "../config/env.ts";
import { flag } from "../config/flags.ts";
import type { SocketRequest } from "../runtime/ask-socket.ts";
import { CommandError } from "./command-error.ts";
import { findApp } from "./find-app.ts";
import type { Program } from "./program.ts";

/** Where the commands that call a sidecar find it besides its registry. */
export const socketFlags = {
  "unix-domain-socket": flag.text("", "Folder of the sidecar's unix sockets, when it listens on those", { short: "u" }),
};

/** Where a sidecar listens: an entry of the registry is one. */
export interface SidecarPlace {
  readonly appId: string;
  /** Empty: on a unix socket. */
  readonly httpAddress: string;
  /** Of its unix sockets, where that is known. */
  readonly socketFolder?: string;
}

/** The place of an app's sidecar as the flags say. Throws CommandError when no such app is running. */
export async function findSidecar(
  program: Program,
  values: { readonly "data-dir": string; readonly "unix-domain-socket": string },
  appId: string,
): Promise<SidecarPlace> {
  const socketFolder = values["unix-domain-socket"];
  return socketFolder === "" ? findApp(program, values["data-dir"], appId) : { appId, httpAddress: "", socketFolder };
}

/** Sends a request to the HTTP API of a running sidecar, with the token of DAPR_API_TOKEN. Throws CommandError when it cannot be reached. */
export async function askSidecar(program: Program, place: SidecarPlace, request: SocketRequest): Promise<Response> {
  const { platform } = program;
  const { appId, httpAddress, socketFolder } = place;
  const { method, path, body } = request;
  const { apiToken } = readEnvironment(platform.env);
  const headers = new Headers(body === undefined ? {} : { "content-type": body.type });
  if (apiToken !== "") headers.set("dapr-api-token", apiToken);
  const failed = (where: string, cause: unknown): never => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`calling "${where}" failed: ${why}`, { cause });
  };
  if (socketFolder !== undefined) {
    const socket = `${socketFolder}/dapr-${appId}-http.socket`;
    const askSocket = await program.askSocket();
    return askSocket(platform, socket, request, headers).catch((cause) => failed(socket, cause));
  }
  if (httpAddress === "") {
    throw new CommandError(
      `the sidecar of "${appId}" listens on a unix socket only: invoke and publish take its folder as --unix-domain-socket`,
    );
  }
  const url = `http://${httpAddress}${path}`;
  return fetch(url, { method, headers, ...(body !== undefined && { body: body.data }) }).catch((cause) =>
    failed(url, cause),
  );
}
