import { readRunCommand } from "../../config/read-run.ts";
import { runFlags } from "../../config/run-flags.ts";
import type { Command } from "../command.ts";
import { needHost } from "../host.ts";
import { createStatus } from "../status.ts";

export const runCommand: Command = {
  name: "run",
  usage: "[FLAGS] [--] [COMMAND [ARGUMENTS]]",
  summary: "Run apps with a runtime beside them",
  about: [
    "Starts a runtime (a sidecar) and the command beside it. The app finds the runtime through DAPR_HTTP_PORT and DAPR_GRPC_PORT; the runtime reaches the app on --app-port. Ctrl+C ends the app, then the runtime; a second one ends both at once. The exit code is the app's. Without a command the runtime runs alone, for an app that you start yourself.",
    "Without resource files there are two durable components: the state store statestore and the pub/sub pubsub, kept in the data folder. Files come from --resources-path, else from the folder components of the data folder. Components that name a Redis, NATS, Kafka, RabbitMQ or MQTT server on this machine run without it when --local is given.",
    "Resource files may change meanwhile: components and subscriptions are taken up as they are, for others the runtime of that app starts anew on its ports, and the app goes on.",
    "Apps of several runs with the same data folder find each other by id. Everything listens on 127.0.0.1 only.",
    "A template (--run-file) runs several apps at once, in one process that serves all of them.",
    "However the runtime ends, the processes that it started end with it. Not so on Windows when it is killed: there they stay.",
  ],
  examples: [
    ["An app on port 3000", "pillion run --app-id orders --app-port 3000 -- node orders.js"],
    ["A job without a port, which starts when the runtime is ready", "pillion run --app-id import -- python import.py"],
    ["The runtime alone, on a fixed port", "pillion run --app-id dev --app-port 3000 --dapr-http-port 3500"],
    ["The apps of dapr.yaml in this folder", "pillion run -f ."],
    [
      "A project that expects Redis, without Redis",
      "pillion run --app-id orders --resources-path ./components --local -- node orders.js",
    ],
  ],
  flags: runFlags,
  async run(program, args) {
    const { platform } = program;
    const { process, files } = needHost(program);
    const plan = await readRunCommand(args, {
      env: platform.env,
      files,
      random: platform.random,
      cwd: process.cwd(),
      readStdin: process.readStdin,
    });
    const status = createStatus(process, platform.clock, plan.logAsJson);
    for (const warning of plan.isPart ? [] : plan.warnings) status.warning(warning);
    if (plan.processPerApp && !plan.isPart) {
      return (await import("../run/run-processes.ts")).runProcesses(program, plan, status);
    }
    for (const app of plan.template === undefined ? plan.apps : []) {
      if (app.command.length === 0) process.stdout("WARNING: no application command found.\n");
    }
    return (await import("../run/run-apps.ts")).runApps(program, plan, status);
  },
};
