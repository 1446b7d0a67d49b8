import { ConfigError } from "../../config/config-error.ts";
import { flag, parseFlags } from "../../config/flags.ts";
import type { Command } from "../command.ts";
import { needHost } from "../host.ts";

const flags = { output: flag.text("", "Form of the output: json", { short: "o" }) };

export const versionCommand: Command = {
  name: "version",
  usage: "",
  summary: "Print the versions",
  about: ["The first is the version of this program, the second the release of upstream whose APIs it speaks."],
  examples: [["For a script", "pillion version -o json"]],
  flags,
  async run(program, args) {
    const { process } = needHost(program);
    const { output } = parseFlags(flags, args, { suggest: true }).values;
    const { version, wireVersion } = program;
    if (output === "json") {
      process.stdout(`${JSON.stringify({ "Cli version": version, "Runtime version": wireVersion })}\n`);
    } else if (output === "") process.stdout(`CLI version: ${version}\nRuntime version: ${wireVersion}\n`);
    else throw new ConfigError("usage", `unknown output "${output}", use json`);
    return 0;
  },
};
