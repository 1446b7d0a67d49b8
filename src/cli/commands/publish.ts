import { ConfigError } from "../../config/config-error.ts";
import { flag, parseFlags } from "../../config/flags.ts";
import { dataDirFlag } from "../../config/run-flags.ts";
import type { Command } from "../command.ts";
import { CommandError } from "../command-error.ts";
import { needHost } from "../host.ts";
import { payloadFlags, readPayload } from "../payload.ts";
import { askSidecar, findSidecar, socketFlags } from "../sidecar-request.ts";
import { createStatus } from "../status.ts";

const flags = {
  "publish-app-id": flag.text("", "Id of the app that publishes", { short: "i" }),
  pubsub: flag.text("", "Name of the pub/sub component", { short: "p" }),
  topic: flag.text("", "Topic", { short: "t" }),
  metadata: flag.text("", "Metadata of the event, a JSON object", { short: "m" }),
  ...payloadFlags,
  ...socketFlags,
  "data-dir": dataDirFlag,
};

const envelopeFields = ["id", "source", "specversion", "type", "data"];

function isCloudEvent(payload: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload));
    return typeof value === "object" && value !== null && envelopeFields.every((field) => Object.hasOwn(value, field));
  } catch {
    return false;
  }
}

function metadataQuery(text: string): string {
  if (text === "") return "";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError("usage", `Error parsing metadata as JSON. Error: ${why}`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ConfigError("usage", `metadata must be a JSON object, not ${text}`);
  }
  const query = new URLSearchParams(Object.entries(value).map(([key, one]) => [`metadata.${key}`, String(one)]));
  return `?${query}`;
}

export const publishCommand: Command = {
  name: "publish",
  usage: "--publish-app-id ID --pubsub NAME --topic TOPIC [FLAGS]",
  summary: "Publish an event through a running app",
  about: [
    "Publishes as if the app did it. A body that is a whole CloudEvent is passed on as it is, any other becomes the data of one. DAPR_API_TOKEN is sent along when it is set.",
  ],
  examples: [
    ["An event", `pillion publish -i orders -p pubsub -t placed -d '{"id":"1"}'`],
    ["With metadata", `pillion publish -i orders -p pubsub -t placed -d hi -m '{"rawPayload":"true"}'`],
  ],
  flags,
  async run(program, args) {
    const { files, process } = needHost(program);
    const { values, rest } = parseFlags(flags, args, { suggest: true });
    if (rest.length > 0) throw new ConfigError("usage", `unexpected argument "${rest[0]}"`);
    for (const name of ["publish-app-id", "pubsub", "topic"] as const) {
      if (values[name] === "") throw new ConfigError("usage", `required flag(s) "${name}" not set`);
    }
    const query = metadataQuery(values.metadata);
    const data = await readPayload(files, values);
    const type = isCloudEvent(data) ? "application/cloudevents+json" : "application/json";
    const path = `/v1.0/publish/${encodeURIComponent(values.pubsub)}/${values.topic}${query}`;
    const place = await findSidecar(program, values, values["publish-app-id"]);
    const answer = await askSidecar(program, place, { method: "POST", path, body: { data, type } });
    if (!answer.ok) {
      const text = await answer.text();
      throw new CommandError(`Error publishing topic ${values.topic}: status ${answer.status}${text && `: ${text}`}`);
    }
    createStatus(process, program.platform.clock, false).success("Event published successfully");
    return 0;
  },
};
