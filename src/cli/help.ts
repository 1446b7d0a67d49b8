import { flagHelp } from "../config/flag-help.ts";
import type { Command } from "./command.ts";
import type { CommandEntry } from "./command-table.ts";

const width = 100;

function wrap(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

/** The overview: what there is, and the first commands to try. */
export function overview(commands: readonly CommandEntry[]): string {
  const widest = Math.max(...commands.map(({ name }) => name.length)) + 3;
  return `${wrap(
    "pillion gives an app state, secrets, events and calls to other apps by name, over HTTP and gRPC on this machine. Everything durable is kept in one folder; nothing else has to be installed or started.",
  )}

Usage:
  pillion COMMAND [FLAGS]

Try:
  pillion run --app-id hello                     # a runtime alone, then:
  curl -X POST http://127.0.0.1:HTTP_PORT/v1.0/state/statestore -d '[{"key":"a","value":1}]'
  pillion run --app-id orders --app-port 3000 -- node orders.js
  pillion run -f dapr.yaml                       # several apps of a template

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(widest)}${summary}\n`).join("")}
"pillion COMMAND --help" explains a command and its flags.
`;
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const examples = command.examples.map(([says, line]) => `  # ${says}\n  ${line}\n`).join("\n");
  const usage = ["pillion", command.name, command.usage].filter((part) => part !== "").join(" ");
  return `${command.summary}

Usage:
  ${usage}

${command.about.map((paragraph) => `${wrap(paragraph)}\n`).join("\n")}
Examples:
${examples}
Flags:
${flagHelp(command.flags)}  -h, --help${" ".repeat(3)}Show this help
`;
}
