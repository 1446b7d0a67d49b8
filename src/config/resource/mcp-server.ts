import * as v from "valibot";
import { lazily } from "../../kit/lazily.ts";
import { block, field, list, maybeBlock } from "../schema-field.ts";
import { manifestFields, type ResourceMeta, type ResourceSourcePlace, resourceMeta } from "./manifest.ts";
import { nameValueSchema, secretReferenceSchema } from "./name-value.ts";

const http = () => ({
  url: field.text(),
  protocolVersion: field.maybeText(),
  timeout: field.maybeDuration(),
  headers: list(nameValueSchema()),
  auth: maybeBlock({
    secretStore: field.text(),
    oauth2: maybeBlock({
      issuer: field.text(),
      audience: field.maybeText(),
      scopes: field.texts(),
      clientID: field.maybeText(),
      secretKeyRef: v.optional(secretReferenceSchema()),
    }),
    spiffe: maybeBlock({
      jwt: maybeBlock({ header: field.text(), headerValuePrefix: field.text(), audience: field.text() }),
    }),
  }),
});
const hook = () =>
  v.object({
    workflow: block({ workflowName: field.text(), appID: field.maybeText() }),
    mutate: field.flag(),
  });

export const mcpServerSchema = lazily(() =>
  v.object({
    ...manifestFields(),
    spec: block({
      catalog: maybeBlock({
        displayName: field.text(),
        description: field.text(),
        owner: maybeBlock({ team: field.text(), contact: field.text() }),
        tags: field.texts(),
        links: field.textMap(),
      }),
      endpoint: block({
        streamableHTTP: maybeBlock(http()),
        sse: maybeBlock(http()),
        stdio: maybeBlock({ command: field.text(), args: field.texts(), env: list(nameValueSchema()) }),
      }),
      middleware: block({
        beforeCallTool: list(hook()),
        afterCallTool: list(hook()),
        beforeListTools: list(hook()),
        afterListTools: list(hook()),
      }),
      ignoreErrors: field.flag(),
    }),
  }),
);

type Manifest = v.InferOutput<ReturnType<typeof mcpServerSchema>>;
/** The fields below `spec` of an MCPServer, as its file has them; `timeout` is in milliseconds. */
export type McpServerSpec = Manifest["spec"];

/** A server of tools that workflows call. */
export interface McpServer extends ResourceMeta {
  readonly kind: "MCPServer";
  readonly spec: McpServerSpec;
  /** Why it must not be used; empty when it is sound. Upstream ends the start with these, unless `ignoreErrors`. */
  readonly faults: readonly string[];
}

function urlFaults(name: string, transport: string, raw: string): string[] {
  if (raw === "") return [`spec.endpoint.${transport}.url: is required`];
  if (!URL.canParse(raw))
    return [`MCPServer ${JSON.stringify(name)}: ${transport}.url is not a valid URL: ${JSON.stringify(raw)}`];
  const { protocol, host } = new URL(raw);
  const shown = protocol.slice(0, -1);
  if (shown !== "http" && shown !== "https") {
    return [
      `MCPServer ${JSON.stringify(name)}: ${transport}.url scheme must be http or https, got ${JSON.stringify(shown)}`,
    ];
  }
  return host === "" ? [`MCPServer ${JSON.stringify(name)}: ${transport}.url must have a host`] : [];
}

function authFaults(transport: string, auth: NonNullable<McpServerSpec["endpoint"]["sse"]>["auth"]): string[] {
  const at = `spec.endpoint.${transport}.auth`;
  const faults: string[] = [];
  if (auth?.oauth2 && auth.oauth2.issuer === "") faults.push(`${at}.oauth2.issuer: is required`);
  if (auth?.spiffe?.jwt && auth.spiffe.jwt.header === "") faults.push(`${at}.spiffe.jwt.header: is required`);
  if (auth?.spiffe?.jwt && auth.spiffe.jwt.audience === "") faults.push(`${at}.spiffe.jwt.audience: is required`);
  return faults;
}

function serverFaults(name: string, spec: McpServerSpec): string[] {
  const { streamableHTTP, sse, stdio } = spec.endpoint;
  const faults: string[] = [];
  if ([streamableHTTP, sse, stdio].filter((one) => one !== undefined).length !== 1) {
    faults.push("spec.endpoint: exactly one of streamableHTTP, sse, or stdio must be set");
  }
  if (streamableHTTP) {
    faults.push(
      ...urlFaults(name, "streamableHTTP", streamableHTTP.url),
      ...authFaults("streamableHTTP", streamableHTTP.auth),
    );
  }
  if (sse) faults.push(...urlFaults(name, "sse", sse.url), ...authFaults("sse", sse.auth));
  if (stdio && stdio.command === "") faults.push("spec.endpoint.stdio.command: is required");
  for (const variable of stdio?.env ?? []) {
    if (/[=\n\0]/.test(variable.name)) {
      faults.push(
        `MCPServer ${JSON.stringify(name)}: stdio.env name ${JSON.stringify(variable.name)} contains invalid characters`,
      );
    }
  }
  for (const [stage, hooks] of Object.entries(spec.middleware)) {
    hooks.forEach((one, index) => {
      if (one.workflow.workflowName !== "") return;
      faults.push(`spec.middleware.${stage}[${index}].workflow.workflowName: is required`);
    });
  }
  return faults;
}

/** A tool server from its decoded manifest. compat: the rules are those of the CRD and of pkg/internal/loader/validate */
export function mcpServerFrom(manifest: Manifest, source: ResourceSourcePlace): McpServer {
  const meta = resourceMeta(manifest, source);
  return { kind: "MCPServer", ...meta, spec: manifest.spec, faults: serverFaults(meta.name, manifest.spec) };
}
