import type { Configuration } from "../config/configuration.ts";
import type { ResourceSource } from "../config/disk-source.ts";
import { formatFinding } from "../config/finding.ts";
import type { Resources } from "../config/load.ts";
import { isComponentDenied } from "../config/resource/component.ts";
import { ResourceError } from "../config/resource-error.ts";
import type { Catalog } from "../driver/define.ts";
import type { ComponentResource } from "../host/component.ts";
import type { Log } from "../telemetry/ports.ts";

/** Reads all resources and writes what was found wrong with them to the log. Throws an Error with upstream's sentence. */
export async function readResources(source: ResourceSource, log: Log): Promise<Resources> {
  try {
    const resources = await source.list();
    for (const finding of resources.warnings) {
      if (finding.severity === "error") log.error(formatFinding(finding));
      else if (finding.severity === "warning") log.warn(formatFinding(finding));
      else log.info(formatFinding(finding));
    }
    for (const note of withoutEffect(resources)) log.warn(note);
    return resources;
  } catch (error) {
    if (!ResourceError.is(error)) throw error;
    if (error.report !== "") log.error(error.report);
    throw new Error(error.startSentence, { cause: error });
  }
}

/** What was loaded and shown in the metadata but has no effect in this build, one sentence each. */
function withoutEffect(resources: Resources): string[] {
  const notes: string[] = [];
  const say = (kind: string, names: readonly { readonly name: string }[]): void => {
    if (names.length === 0) return;
    notes.push(`${kind} ${names.map((item) => `"${item.name}"`).join(", ")} loaded, but has no effect in this version`);
  };
  say("MCPServer", resources.mcpServers);
  return notes;
}

/** Why a configuration must not be run without the block that would enforce it; undefined when there is no reason. */
export function unenforceable(resources: Resources, catalog: Catalog): string | undefined {
  const [policy] = resources.workflowAccessPolicies;
  if (policy !== undefined) {
    return `WorkflowAccessPolicy "${policy.name}" (${policy.source.file}:${policy.source.line}) cannot be enforced: this version has no workflows; remove it or move it out of the resources folder`;
  }
  const { httpPipeline, appHttpPipeline } = resources.configuration;
  const handler = [...httpPipeline, ...appHttpPipeline].find(({ type }) => !Object.hasOwn(catalog, type.toLowerCase()));
  if (handler !== undefined) {
    const known = Object.keys(catalog).filter((type) => type.startsWith("middleware."));
    const has = known.length === 0 ? "this build has no middleware" : `this build has ${known.join(", ")}`;
    return `middleware "${handler.name}" (${handler.type}) of Configuration "${resources.configuration.name}" cannot be run: ${has}; remove it from the pipeline`;
  }
  return undefined;
}

/** The components that the configuration lets this sidecar load. */
export function allowedComponents(
  components: readonly ComponentResource[],
  configuration: Configuration,
  log: Log,
): readonly ComponentResource[] {
  return components.filter((component) => {
    if (!isComponentDenied(component, configuration.deniedComponents)) return true;
    log.warn(`component ${component.name} is denied by the configuration and is not loaded`);
    return false;
  });
}
