import { formatDuration } from "../kit/duration.ts";
import type { Flag, FlagTable } from "./flags.ts";

const words = { text: "text", flag: "", integer: "int", count: "uint", duration: "duration", list: "list" } as const;

function shownDefault(one: Flag<unknown>): string {
  const { kind, fallback } = one;
  if (kind === "duration" && typeof fallback === "number") return fallback === 0 ? "" : formatDuration(fallback);
  if (kind === "list" || fallback === "" || fallback === false) return "";
  return String(fallback);
}

/** The flags of a table as lines of a help text, sorted by name; hidden and deprecated ones are left out. */
export function flagHelp(table: FlagTable): string {
  const rows = Object.entries(table)
    .filter(([, one]) => !one.hidden && !one.deprecated)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => {
      const word = words[one.kind];
      const fallback = shownDefault(one);
      const left = `  ${one.short ? `-${one.short}, ` : "    "}--${name}${word === "" ? "" : ` ${word}`}`;
      return { left, right: fallback === "" ? one.help : `${one.help} (default ${fallback})` };
    });
  const width = Math.max(0, ...rows.map((row) => row.left.length)) + 3;
  return rows.map((row) => `${row.left.padEnd(width)}${row.right}\n`).join("");
}
