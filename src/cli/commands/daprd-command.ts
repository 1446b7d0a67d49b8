import { daprdFlags } from "../../config/daprd-flags.ts";
import type { Command } from "../command.ts";
import { daprd } from "./daprd.ts";

export const daprdCommand: Command = {
  name: "daprd",
  usage: "[FLAGS]",
  summary: "Run one sidecar with upstream's flags and defaults",
  about: [
    "Takes the place of upstream's executable: the same flags, environment, ports, log lines and exit codes, no default components, nothing kept outside of what the components name. Started under the name daprd (a link or a copy of this file), it needs no command word.",
    "It listens on all interfaces, as upstream does; use --dapr-listen-addresses 127.0.0.1 or set DAPR_API_TOKEN on a machine that others can reach.",
  ],
  examples: [
    [
      "A sidecar for an app on port 3000",
      "pillion daprd --app-id orders --app-port 3000 --resources-path ./components",
    ],
    ["Stand in for upstream's executable", "ln -s $(which pillion) /usr/local/bin/daprd && daprd --app-id orders"],
  ],
  flags: daprdFlags,
  run: daprd,
};
