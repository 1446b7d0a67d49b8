import type { DriverContext } from "../../../src/driver/context.ts";
import { defineSecretStore } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { Secret } from "../../../src/driver/secretstore.ts";
import { decodeGoJsonText } from "../../../src/kit/go-json.ts";
import { decodeGoShape, goShape } from "../../../src/kit/go-shape.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { flatten } from "./flatten.ts";

const fileShape = goShape.map("map[string]interface {}", goShape.anything);

async function readSecretsFile(path: string, { platform }: DriverContext): Promise<Readonly<Record<string, unknown>>> {
  if (platform.files === undefined)
    throw new DriverError("unsupported", `reading secrets file "${path}" failed: this host has no files`);
  let bytes: Uint8Array;
  try {
    bytes = await platform.files.readBytes(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DriverError("badMetadata", `reading secrets file "${path}" failed: ${reason}`, { cause });
  }
  try {
    return decodeGoShape(decodeGoJsonText(bytes), fileShape) ?? {};
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DriverError("badMetadata", `secrets file "${path}" is not a JSON object: ${reason}`, { cause });
  }
}

/** All secrets of the file by name. Of two that flatten to one name the first stays, and the other is told to `warn`. */
function collect(
  content: Readonly<Record<string, unknown>>,
  separator: string,
  isMultiValued: boolean,
  warn: (message: string) => void,
): ReadonlyMap<string, Secret> {
  const secrets = new Map<string, Secret>();
  const flat = (value: object, place: string): Map<string, string> => {
    const values = new Map<string, string>();
    flatten(value, separator, (path, text) => {
      if (values.has(path)) warn(`Secret "${path}"${place} is there twice in the secrets file, the first one counts`);
      else values.set(path, text);
    });
    return values;
  };
  if (!isMultiValued) {
    for (const [path, text] of flat(content, "")) secrets.set(path, { [path]: text });
    return secrets;
  }
  for (const [name, value] of Object.entries(content)) {
    if (typeof value === "string") secrets.set(name, { [name]: value });
    else if (typeof value === "object" && value !== null && !Array.isArray(value))
      secrets.set(name, Object.fromEntries(flat(value, ` of "${name}"`)));
    else warn(`Secret "${name}" is left out: with multiValued a secret must be a text or an object`);
  }
  return secrets;
}

export default defineSecretStore({
  type: "secretstores.local.file",
  versions: ["v1"],
  status: "stable",
  summary: "Secrets from a JSON file, read once, for development",
  needs: ["files"],
  metadata: {
    secretsFile: m.text().required("missing local secrets file in metadata").help("Path of the JSON file"),
    nestedSeparator: m.text().default(":").help("Joins the keys of nested objects to one name"),
    multiValued: m.flag().default(false).help("Keeps objects of the first level as secrets with several values"),
  },
  async open({ secretsFile, nestedSeparator, multiValued }, context) {
    const content = await readSecretsFile(secretsFile, context);
    const separator = nestedSeparator === "" ? ":" : nestedSeparator;
    const secrets = collect(content, separator, multiValued, (message) => context.log.warn(message));
    return {
      features: multiValued ? ["MULTIPLE_KEY_VALUES_PER_SECRET"] : [],
      async get(name) {
        const secret = secrets.get(name);
        if (secret === undefined) throw new DriverError("notFound", `secret ${name} not found`);
        return secret;
      },
      async bulkGet() {
        return Object.fromEntries(secrets);
      },
      async close() {},
    };
  },
});
