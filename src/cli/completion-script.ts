import type { Flag } from "../config/flags.ts";
import type { Command } from "./command.ts";

/** The shells that there are scripts for. */
export const shells = ["bash", "zsh", "fish", "powershell"] as const;
export type Shell = (typeof shells)[number];

/** Values of flags that are one of a few words. */
const words: Readonly<Record<string, readonly string[]>> = {
  "app-protocol": ["http", "https", "h2c", "grpc", "grpcs"],
  "log-level": ["debug", "info", "warn", "error", "fatal"],
  output: ["table", "json", "yaml"],
};

const shown = (command: Command): [string, Flag<unknown>][] =>
  Object.entries(command.flags).filter(([, one]) => !one.hidden && !one.deprecated);

const flagWords = (command: Command): string[] => [
  ...shown(command).flatMap(([name, one]) =>
    one.short === undefined ? [`--${name}`] : [`--${name}`, `-${one.short}`],
  ),
  "--help",
];
const argumentWords = (command: Command): readonly string[] =>
  command.name === "completion" ? shells : (command.actions ?? []);

function bash(commands: readonly Command[]): string {
  const cases = commands.map(
    (one) => `    ${one.name}) words="${[...flagWords(one), ...argumentWords(one)].join(" ")}" ;;`,
  );
  const values = Object.entries(words).map(([name, list]) => `    --${name}) words="${list.join(" ")}" ;;`);
  return `# bash completion of pillion
_pillion() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map((one) => one.name).join(" ")} help --help --version" -- "$current"))
    return
  fi
  case "$previous" in
${values.join("\n")}
  esac
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _pillion pillion
`;
}

const zshText = (text: string): string => text.replace(/[[\]:'\\]/g, (mark) => (mark === "'" ? "'\\''" : `\\${mark}`));

function zsh(commands: readonly Command[]): string {
  const flagLine = ([name, one]: [string, Flag<unknown>]): string => {
    const list = words[name];
    const value = one.kind === "flag" ? "" : list === undefined ? ":value:_files" : `:value:(${list.join(" ")})`;
    const spelling = one.short === undefined ? `'--${name}` : `'(-${one.short} --${name})'{-${one.short},--${name}}'`;
    return `        ${spelling}[${zshText(one.help)}]${value}' \\`;
  };
  const cases = commands.map((one) => {
    const rest =
      argumentWords(one).length > 0 ? `'*:argument:(${argumentWords(one).join(" ")})'` : "'*:argument:_files'";
    return `    ${one.name})\n      _arguments \\\n${shown(one).map(flagLine).join("\n")}
        '(-h --help)'{-h,--help}'[Show this help]' \\\n        ${rest}\n      ;;`;
  });
  return `#compdef pillion
# zsh completion of pillion
_pillion() {
  local -a commands
  commands=(
${commands.map((one) => `    '${one.name}:${zshText(one.summary)}'`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = "_pillion" ]; then _pillion "$@"; else compdef _pillion pillion; fi
`;
}

const singleQuoted = (text: string): string => `'${text.replace(/[\\']/g, (mark) => `\\${mark}`)}'`;

function fish(commands: readonly Command[]): string {
  const lines = ["# fish completion of pillion", "complete -c pillion -n __fish_use_subcommand -f"];
  for (const one of commands) {
    lines.push(`complete -c pillion -n __fish_use_subcommand -a ${one.name} -d ${singleQuoted(one.summary)}`);
    const when = `-n '__fish_seen_subcommand_from ${one.name}'`;
    for (const [name, each] of shown(one)) {
      const list = words[name];
      const short = each.short === undefined ? "" : ` -s ${each.short}`;
      const value = each.kind === "flag" ? "" : list === undefined ? " -r" : ` -x -a '${list.join(" ")}'`;
      lines.push(`complete -c pillion ${when} -l ${name}${short}${value} -d ${singleQuoted(each.help)}`);
    }
    if (argumentWords(one).length > 0)
      lines.push(`complete -c pillion ${when} -f -a '${argumentWords(one).join(" ")}'`);
  }
  return `${lines.join("\n")}\n`;
}

const powershellText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function powershell(commands: readonly Command[]): string {
  const list = (items: readonly string[]): string => `@(${items.map(powershellText).join(", ")})`;
  const rows = commands.map(
    (one) => `    ${powershellText(one.name)} = ${list([...flagWords(one), ...argumentWords(one)])}`,
  );
  return `# PowerShell completion of pillion
Register-ArgumentCompleter -Native -CommandName pillion -ScriptBlock {
  param($word, $tree, $position)
  $commands = @{
${rows.join("\n")}
  }
  $given = @($tree.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($given.Count -eq 0 -or ($given.Count -eq 1 -and $word -ne '')) { $words = $commands.Keys | Sort-Object }
  else { $words = $commands[$given[0]] }
  $words | Where-Object { $_ -like "$word*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}

/** A script that teaches the shell the commands and flags. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  const writers = { bash, zsh, fish, powershell };
  return writers[shell](commands);
}
