import { ConfigError } from "../../config/config-error.ts";
import { parseFlags } from "../../config/flags.ts";
import type { Command } from "../command.ts";
import { commandTable } from "../command-table.ts";
import { completionScript, shells } from "../completion-script.ts";
import { needHost } from "../host.ts";

const flags = {};

export const completionCommand: Command = {
  name: "completion",
  usage: "bash | zsh | fish | powershell",
  summary: "Print a completion script for a shell",
  about: ["The script completes commands, their flags and file names."],
  examples: [
    ["bash, for this session", "source <(pillion completion bash)"],
    ["zsh, for good", "pillion completion zsh > ~/.zfunc/_pillion"],
    ["fish, for good", "pillion completion fish > ~/.config/fish/completions/pillion.fish"],
    ["PowerShell, for this session", "pillion completion powershell | Out-String | Invoke-Expression"],
  ],
  flags,
  async run(program, args) {
    const { process } = needHost(program);
    const [name = "", ...more] = parseFlags(flags, args).rest;
    const shell = shells.find((one) => one === name);
    if (shell === undefined || more.length > 0) {
      const what = name === "" ? "name a shell" : `unknown shell "${[name, ...more].join(" ")}"`;
      throw new ConfigError("usage", `${what}: ${shells.join(", ")}`);
    }
    const commands = await Promise.all(commandTable.map((entry) => entry.load()));
    process.stdout(completionScript(shell, commands));
    return 0;
  },
};
