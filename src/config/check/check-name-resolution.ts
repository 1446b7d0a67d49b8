import { decodeMetadata, MetadataError, unknownProperties } from "../../kit/schema/decode.ts";
import { suggest } from "../../kit/suggest.ts";
import { nameResolverOf } from "../name-resolver-of.ts";
import type { ConfigurationManifest } from "../resource/configuration.ts";
import type { DriverLookup } from "./check-component.ts";
import type { Find } from "./finder.ts";

const category = "nameresolution.";
const at = ["spec", "nameResolution"] as const;

/** Finds name resolvers that this build does not have, and settings that theirs does not take. */
export async function checkNameResolution(
  chosen: ConfigurationManifest["spec"]["nameResolution"],
  lookup: DriverLookup,
  find: Find,
): Promise<void> {
  if (!chosen || chosen.component === "") return;
  const { type, configuration } = nameResolverOf(chosen.component, chosen.configuration);
  const driver = await lookup.find(type);
  if (driver === undefined) {
    const known = lookup.types.filter((name) => name.startsWith(category)).map((name) => name.slice(category.length));
    const near = suggest(type.slice(category.length), known);
    const fix = near === undefined ? `known: ${known.join(", ")}` : `did you mean ${JSON.stringify(near)}?`;
    find("error", [...at, "component"], `unknown name resolver ${JSON.stringify(chosen.component)}`, fix);
    return;
  }
  const version = chosen.version === "" ? "v1" : chosen.version;
  if (!driver.versions.includes(version)) {
    const message = `${chosen.component} has no version ${JSON.stringify(chosen.version)}`;
    find("error", [...at, "version"], message, `known: ${driver.versions.join(", ")}`);
  }
  const names = Object.keys(driver.metadata);
  for (const name of unknownProperties(driver.metadata, configuration.keys())) {
    const near = suggest(name, names);
    const fix =
      near === undefined ? `known: ${names.join(", ") || "nothing"}` : `did you mean ${JSON.stringify(near)}?`;
    find("warning", [...at, "configuration", name], `${chosen.component} does not know ${JSON.stringify(name)}`, fix);
  }
  try {
    decodeMetadata(driver.metadata, configuration);
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error;
    const help = driver.metadata[error.property]?.text ?? "";
    find("error", [...at, "configuration"], error.message, help === "" ? "correct it" : help);
  }
}
