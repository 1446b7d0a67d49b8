import { ConfigError } from "../../config/config-error.ts";
import { flag, parseFlags } from "../../config/flags.ts";
import { dataDirFlag } from "../../config/run-flags.ts";
import { httpStatusText } from "../../kit/http-status-text.ts";
import type { Command } from "../command.ts";
import { CommandError } from "../command-error.ts";
import { needHost } from "../host.ts";
import { payloadFlags, readPayload } from "../payload.ts";
import { askSidecar, findSidecar, socketFlags } from "../sidecar-request.ts";
import { createStatus } from "../status.ts";

const flags = {
  "app-id": flag.text("", "Id of the app to call", { short: "a" }),
  method: flag.text("", "Method to call, a path of the app", { short: "m" }),
  verb: flag.text("POST", "HTTP verb", { short: "v" }),
  ...payloadFlags,
  ...socketFlags,
  "data-dir": dataDirFlag,
};

export const invokeCommand: Command = {
  name: "invoke",
  usage: "--app-id ID --method METHOD [FLAGS]",
  summary: "Call a method of a running app",
  about: [
    "Calls the app through its own sidecar and prints the body of the answer. A status below 200 or from 400 on is an error and gives exit code 1. DAPR_API_TOKEN is sent along when it is set.",
  ],
  examples: [
    ["POST a body", `pillion invoke --app-id orders --method orders --data '{"id":"1"}'`],
    ["GET", "pillion invoke -a orders -m orders/1 -v GET"],
    ["A sidecar on unix sockets", "pillion invoke -u /tmp -a orders -m orders/1 -v GET"],
  ],
  flags,
  async run(program, args) {
    const { files, process } = needHost(program);
    const { values, rest } = parseFlags(flags, args, { suggest: true });
    if (rest.length > 0) throw new ConfigError("usage", `unexpected argument "${rest[0]}", use --app-id and --method`);
    for (const name of ["app-id", "method"] as const) {
      if (values[name] === "") throw new ConfigError("usage", `required flag(s) "${name}" not set`);
    }
    const data = await readPayload(files, values);
    const appId = values["app-id"];
    const verb = values.verb.toUpperCase();
    const path = `/v1.0/invoke/${encodeURIComponent(appId)}/method/${values.method.replace(/^\/+/, "")}`;
    const hasBody = verb !== "GET" && verb !== "HEAD";
    const place = await findSidecar(program, values, appId);
    const body = hasBody ? { data, type: "application/json" } : undefined;
    const answer = await askSidecar(program, place, { method: verb, path, body });
    const text = await answer.text();
    if (answer.status < 200 || answer.status >= 400) {
      const detail = text === "" ? "" : `: ${text}`;
      throw new CommandError(
        `error invoking app ${appId}: ${`${answer.status} ${httpStatusText(answer.status)}`.trimEnd()}${detail}`,
      );
    }
    if (text !== "") process.stdout(`${text}\n`);
    createStatus(process, program.platform.clock, false).success("App invoked successfully");
    return 0;
  },
};
