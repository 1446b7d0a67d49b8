/** One row of the layering rule. `own` is what the files are; they may import their own folder and what `may` matches. */
export interface Layer {
  readonly name: string;
  readonly own: RegExp;
  readonly may: readonly RegExp[];
  /** What may be imported as types only. */
  readonly types?: readonly RegExp[];
  /** Outside packages and built-ins that may be imported. */
  readonly packages: readonly RegExp[];
}

const below = (folder: string): RegExp => new RegExp(`^src/${folder}/`);
const kit = below("kit");
const gen = below("gen");
const errors = below("errors");
const platformTypes = /^src\/platform\/types\.ts$/;
const storage = below("storage");
const driver = below("driver");
const config = below("config");
const telemetry = below("telemetry");
const resiliency = below("resiliency");
const security = below("security");
const registry = below("registry");
const host = below("host");
const channel = below("channel");
const api = below("api");
const lower = [kit, errors, platformTypes, storage, driver, config, telemetry, resiliency, security];
const builtIns = /^(?:node:|bun:|bun$)/;

/** The first row that matches a file holds. The order of the rows is from special to general. */
export const layers: readonly Layer[] = [
  { name: "kit", own: below("kit"), may: [], packages: [/^valibot$/, /^croner$/, /^@marcbachmann\/cel-js$/] },
  { name: "gen", own: gen, may: [], packages: [/^@bufbuild\/protobuf/] },
  { name: "errors", own: errors, may: [kit, gen], packages: [/^@connectrpc\/connect$/, /^@bufbuild\/protobuf/] },
  { name: "platform/types", own: platformTypes, may: [kit], packages: [] },
  { name: "platform", own: below("platform"), may: [kit], packages: [builtIns] },
  {
    name: "storage thread",
    own: /^src\/storage\/writer-thread\.ts$/,
    may: [kit, errors, below("platform")],
    packages: [],
  },
  { name: "storage", own: storage, may: [kit, errors, platformTypes], packages: [] },
  { name: "driver", own: driver, may: [kit, platformTypes, storage], packages: [] },
  { name: "config", own: config, may: [kit, errors, platformTypes, driver], packages: [/^yaml$/, /^valibot$/] },
  { name: "telemetry", own: telemetry, may: [kit, errors, platformTypes, config], packages: [/^@opentelemetry\//] },
  { name: "resiliency", own: resiliency, may: [kit, errors, platformTypes, config], packages: [] },
  {
    name: "security",
    own: security,
    may: [kit, errors, platformTypes, config],
    packages: [/^jose$/, /^@peculiar\/x509$/],
  },
  { name: "registry", own: registry, may: [kit, errors, platformTypes], packages: [/^valibot$/] },
  { name: "host", own: host, may: lower, packages: [] },
  { name: "channel", own: channel, may: [...lower, gen], packages: [/^@connectrpc\/connect/, /^@bufbuild\/protobuf/] },
  {
    name: "api",
    own: api,
    may: [kit, gen, errors, platformTypes, storage, config, telemetry, resiliency, security],
    packages: [/^@connectrpc\/connect/, /^@bufbuild\/protobuf/],
  },
  {
    name: "block faces",
    own: /^src\/blocks\/[^/]+\/(?:http|grpc|peer|[a-z-]+-(?:http|grpc|peer))(?:-[a-z-]+)?\.ts$/,
    may: [kit, gen, errors, driver, storage, config, api],
    packages: [/^@connectrpc\/connect/, /^@bufbuild\/protobuf/],
  },
  {
    name: "blocks",
    own: below("blocks/[^/]+"),
    may: [kit, errors, driver, storage, config],
    packages: [/^jose$/, /^@noble\/ciphers/],
  },
  {
    name: "control",
    own: below("control/[^/]+"),
    may: [kit, gen, errors, platformTypes, storage, config, telemetry, security, api],
    packages: [/^@connectrpc\/connect/, /^@bufbuild\/protobuf/, /^@peculiar\/x509$/],
  },
  {
    name: "runtime",
    own: below("runtime"),
    may: [...lower, gen, registry, host, channel, api, below("blocks"), below("control")],
    packages: [],
  },
  {
    name: "cli",
    own: below("cli"),
    may: [kit, errors, config, platformTypes, driver, registry, telemetry],
    types: [below("runtime"), host],
    packages: [/^@clack\/prompts$/, /^listr2$/],
  },
  { name: "entry", own: below("entry"), may: [/./], packages: [/./] },
  { name: "catalog", own: /^components\/catalog(?:-table)?\.gen\.ts$/, may: [/^components\//, driver], packages: [] },
  {
    name: "components/_shared",
    own: /^components\/_shared\//,
    may: [driver, kit, platformTypes, storage],
    packages: [/./],
  },
  {
    name: "components",
    own: /^components\/[^/]+\/[^/]+\//,
    may: [driver, kit, platformTypes, storage, /^components\/_shared\//],
    packages: [/./],
  },
];

/** The folder that counts as a file's own: for blocks, roles and drivers one level deeper. */
export function ownFolder(path: string): string {
  const parts = path.split("/");
  if (parts[0] === "components") return parts.slice(0, parts[1]?.startsWith("_") ? 2 : 3).join("/");
  const deep = parts[1] === "blocks" || parts[1] === "control";
  return parts.slice(0, deep ? 3 : 2).join("/");
}
