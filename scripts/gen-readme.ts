import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { measures } from "../bench/measures/catalog.ts";
import { catalog } from "../components/catalog.gen.ts";
import type { GrpcPart } from "../src/api/grpc/part.ts";
import type { Route } from "../src/api/http/route.ts";
import { commandTable } from "../src/cli/command-table.ts";
import { targets } from "./build.ts";
import { root } from "./shell.ts";

/** What each building block gives an app, in one line. */
const blockSummaries: Readonly<Record<string, string>> = {
  actors: "objects with state, turns, timers and reminders",
  bindings: "events from outside, calls to outside",
  configuration: "settings read and watched",
  conversation: "language models behind one API",
  crypto: "encryption with keys the app never sees",
  invoke: "calls to other apps by name, bodies streamed: HTTP, gRPC (any method of any app), WebSocket",
  jobs: "work at a time or at intervals",
  lock: "locks shared by processes",
  metadata: "what runs here; health; shutdown",
  pubsub: "events: publish, bulk publish; subscriptions by file, by the app or streamed; routing, dead letters",
  secrets: "secrets of a store, one or all, limited by scopes",
  state: "values by key: ETags, transactions, outbox, bulk, time to live, encryption, queries",
  workflow: "long work in steps that survives restarts",
};

const categoryTitles: Readonly<Record<string, string>> = {
  state: "State stores",
  pubsub: "Publish/subscribe",
  secretstores: "Secret stores",
  nameresolution: "Name resolution",
  bindings: "Bindings",
  middleware: "HTTP middleware",
  configuration: "Configuration stores",
  lock: "Locks",
  crypto: "Cryptography",
  conversation: "Conversation",
};

/** Answers anything asked of it with itself: faces are made from it only to be counted. */
function placeholder(): unknown {
  const answer: unknown = new Proxy(() => answer, { get: () => answer, apply: () => answer });
  return answer;
}

async function face(block: string, file: "http" | "grpc"): Promise<unknown> {
  const path = join(root, "src/blocks", block, `${file}.ts`);
  if (!existsSync(path)) return undefined;
  const suffix = file === "http" ? "Http" : "Grpc";
  const exports = (await import(path)) as Record<string, unknown>;
  const make = exports[`${block}${suffix}`];
  if (typeof make !== "function") throw new Error(`"${path}" does not export "${block}${suffix}"`);
  return (make as (ports: unknown) => unknown)(placeholder());
}

/** A block works when the runtime makes its faces. */
function isWired(block: string): boolean {
  const folder = join(root, "src/runtime");
  return readdirSync(folder).some((file) =>
    readFileSync(join(folder, file), "utf8").includes(`"../blocks/${block}/http.ts"`),
  );
}

async function blocksTable(): Promise<string> {
  const rows: string[] = [];
  for (const block of readdirSync(join(root, "src/blocks")).sort()) {
    if (!isWired(block)) continue;
    const summary = blockSummaries[block];
    if (summary === undefined) throw new Error(`scripts/gen-readme.ts has no summary of the building block "${block}"`);
    const routes = await face(block, "http");
    const part = (await face(block, "grpc")) as GrpcPart | undefined;
    const count = Array.isArray(routes)
      ? String((routes as Route[]).reduce((sum, { methods }) => sum + methods.length, 0))
      : "by path and header";
    const methods = Object.keys(part?.methods ?? {}).length;
    rows.push(`| ${block} | ${summary} | ${count} | ${methods === 0 ? "" : methods} |`);
  }
  return `| building block | what it gives | HTTP routes | RPCs |\n| --- | --- | ---: | ---: |\n${rows.join("\n")}`;
}

function missingBlocks(): string {
  const missing = Object.keys(blockSummaries).filter((block) => !isWired(block));
  if (missing.length === 0) return "Every building block of the API is there.";
  return `Building blocks that are not there yet: ${missing.join(", ")}.\nTheir routes answer as unknown ones do.`;
}

async function driversTable(): Promise<string> {
  const rows: string[] = [];
  const order = Object.keys(categoryTitles);
  const drivers = await Promise.all(Object.values(catalog).map(async (load) => (await load()).default));
  drivers.sort((a, b) => order.indexOf(a.category) - order.indexOf(b.category) || (a.type < b.type ? -1 : 1));
  for (const { type, category, versions, status, summary } of drivers) {
    const title = categoryTitles[category] ?? category;
    rows.push(`| ${title} | \`${type}\` | ${versions.join(", ")} | ${status} | ${summary} |`);
  }
  return `| for | component type | versions | status | summary |\n| --- | --- | --- | --- | --- |\n${rows.join("\n")}`;
}

function runtimesTable(): string {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const version = (name: string): string => manifest.devDependencies[name] ?? "";
  const rows = [
    ["the executable, Linux x64 (glibc)", `Bun ${version("bun")} inside`, "all suites, end to end, sample"],
    ["the npm package, Linux x64 (glibc)", `Node 20 or later starts Bun ${version("bun")}`, "end to end"],
    ["from source on Deno", `Deno ${version("deno")}`, "all suites, sample"],
    ["from source on Node", `Node ${version("node")} or later`, "all suites, sample"],
    ...Object.entries(targets)
      .filter(([, { tested }]) => !tested)
      .map(([target]) => [`the executable, \`--target ${target}\``, `Bun ${version("bun")} inside`, "built, not run"]),
  ];
  return `| runs as | on | tested by |\n| --- | --- | --- |\n${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}`;
}

function commandsTable(): string {
  const rows = commandTable.map(({ name, summary }) => `| \`pillion ${name}\` | ${summary} |`);
  return `| command | what it does |\n| --- | --- |\n${rows.join("\n")}`;
}

/** What the last bench wrote for README, and the command behind each part of it. */
function figures(): string {
  const path = join(root, "bench/results.md");
  const results = existsSync(path) ? readFileSync(path, "utf8").trim() : "No results are checked in.";
  const rows = measures.map(({ name, title, setup }) => `| ${title} | ${setup} | \`npm run bench -- ${name}\` |`);
  return `${results}\n\n| figure | how it is made | by |\n| --- | --- | --- |\n${rows.join("\n")}`;
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. */
function replaceSection(text: string, name: string, content: string): string {
  const begin = `<!-- ${name}: generated by scripts/gen-readme.ts -->`;
  const end = `<!-- /${name} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`README.md has no section "${begin} … ${end}"`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

/** Writes the tables of README.md from the code, or with `check` answers the path when they are stale. */
export async function generateReadme({ check }: { check: boolean }): Promise<string[]> {
  const path = join(root, "README.md");
  const before = readFileSync(path, "utf8");
  let text = replaceSection(before, "blocks", await blocksTable());
  text = replaceSection(text, "drivers", await driversTable());
  text = replaceSection(text, "runtimes", runtimesTable());
  text = replaceSection(text, "commands", commandsTable());
  text = replaceSection(text, "missing", missingBlocks());
  text = replaceSection(text, "figures", figures());
  if (text === before) return [];
  if (!check) writeFileSync(path, text);
  return ["README.md"];
}
