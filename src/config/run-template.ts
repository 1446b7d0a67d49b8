import type { Files } from "../platform/types.ts";
import { ConfigError } from "./config-error.ts";
import { homeDirectory } from "./data-directory.ts";
import { decodeDocument } from "./decode-document.ts";
import { defaultResources } from "./default-resources.ts";
import { readDocuments, type SourceDocument } from "./document.ts";
import type { Environment } from "./env.ts";
import { type Finding, formatFinding, formatPath } from "./finding.ts";
import { absolutePath, baseName, expandHome, folderOf } from "./paths.ts";
import { nonEmpty, portSetting, positive, runOptions } from "./run-options.ts";
import type { AppRun, RunTemplate } from "./run-plan.ts";
import { type TemplateApp, templateSchema, withCommon } from "./run-template-schema.ts";

export interface ReadTemplate {
  readonly env: Environment;
  readonly files: Files;
  readonly cwd: string;
  readonly dataDir: string;
  readonly logAsJson: boolean;
  readonly graceSeconds: number;
  readStdin(): Promise<string>;
}

export interface ReadTemplateResult {
  readonly template: RunTemplate;
  readonly apps: readonly AppRun[];
  readonly warnings: readonly string[];
}

type Path = readonly (string | number)[];

/** The template that a path means: the file, the `dapr.yaml` in a folder, or `-`. Absolute. Throws ConfigError. */
export async function templatePath(given: string, files: Files, cwd: string): Promise<string> {
  if (given === "-") return given;
  const path = absolutePath(cwd, given);
  const kind = (await files.stat(path))?.kind;
  if (kind === "directory") {
    for (const name of ["dapr.yaml", "dapr.yml"]) {
      if ((await files.stat(`${path}/${name}`))?.kind === "file") return `${path}/${name}`;
    }
    throw new ConfigError("options", `there is no dapr.yaml in folder "${given}", name the template's file`);
  }
  if (kind === undefined) throw new ConfigError("options", `there is no file or folder "${given}"`);
  if (!/\.ya?ml$/.test(path)) throw new ConfigError("options", `file "${given}" is not a YAML file`);
  return path;
}

/** Gathers everything that is wrong with a template, to tell it at once. */
function createFaults(document: SourceDocument) {
  const findings: Finding[] = [];
  return {
    findings,
    add(path: Path, message: string, fix: string): void {
      const { file } = document;
      findings.push({ severity: "error", file, line: document.lineOf(path), path: formatPath(path), message, fix });
    },
  };
}
type Faults = ReturnType<typeof createFaults>;

function refuse(findings: readonly Finding[]): ConfigError {
  return new ConfigError("options", findings.map(formatFinding).join("\n"));
}

async function readApp(
  app: TemplateApp,
  path: Path,
  document: SourceDocument,
  faults: Faults,
  host: ReadTemplate & {
    readonly base: string;
    readonly commonPaths: readonly string[];
    readonly commonConfig: string;
  },
): Promise<AppRun | undefined> {
  const home = homeDirectory(host.env);
  const existing = async (from: string, raw: string, at: Path): Promise<string> => {
    const full = absolutePath(from, expandHome(raw, home));
    if ((await host.files.stat(full)) === null) {
      faults.add(at, `there is no file or folder "${full}"`, "correct the path, it is relative to the app's folder");
    }
    return full;
  };
  if (app.appDirPath === "") {
    faults.add(path, "required field 'appDirPath' not found", "name the app's folder, for example appDirPath: .");
    return undefined;
  }
  const directory = await existing(host.base, app.appDirPath, [...path, "appDirPath"]);
  const own = [...app.resourcesPaths, ...(app.resourcesPath === "" ? [] : [app.resourcesPath])];
  let resourcesPaths: readonly string[] = await Promise.all(
    own.map((raw, index) =>
      existing(directory, raw, [
        ...path,
        ...(index < app.resourcesPaths.length ? ["resourcesPaths", index] : ["resourcesPath"]),
      ]),
    ),
  );
  const defaults = await defaultResources(host.files, host.dataDir);
  const local = `${directory}/.dapr`;
  if (resourcesPaths.length === 0) {
    if ((await host.files.stat(`${local}/resources`)) !== null) resourcesPaths = [`${local}/resources`];
    else if (host.commonPaths.length > 0) resourcesPaths = host.commonPaths;
    else resourcesPaths = defaults.resourcesPaths;
  }
  let configPaths = defaults.configPaths;
  if (app.configFilePath !== "") {
    configPaths = [await existing(directory, app.configFilePath, [...path, "configFilePath"])];
  } else if ((await host.files.stat(`${local}/config.yaml`)) !== null) configPaths = [`${local}/config.yaml`];
  else if (host.commonConfig !== "") configPaths = [host.commonConfig];
  const appId = app.appID === "" ? baseName(directory) : app.appID;
  try {
    const options = runOptions(
      {
        "app-id": appId,
        "app-port": positive(app.appPort),
        "app-protocol": app.appProtocol,
        "app-channel-address": nonEmpty(app.appChannelAddress),
        "app-max-concurrency": app.appMaxConcurrency,
        "app-ssl": app.appSSL,
        "dapr-http-port": portSetting(app.daprHTTPPort),
        "dapr-grpc-port": portSetting(app.daprGRPCPort),
        "dapr-internal-grpc-port": portSetting(app.daprInternalGRPCPort),
        "metrics-port": portSetting(app.metricsPort),
        "dapr-listen-addresses": nonEmpty(app.apiListenAddresses),
        "unix-domain-socket": app.unixDomainSocket,
        "resources-path": resourcesPaths,
        config: configPaths,
        "placement-host-address": app.placementHostAddress,
        "scheduler-host-address": nonEmpty(app.schedulerHostAddress),
        "enable-profiling": app.enableProfiling,
        "profile-port": positive(app.profilePort),
        "log-level": nonEmpty(app.logLevel),
        "log-as-json": host.logAsJson,
        "max-body-size": nonEmpty(app.maxBodySize),
        "read-buffer-size": nonEmpty(app.readBufferSize),
        "enable-app-health-check": app.enableAppHealthCheck,
        "app-health-check-path": nonEmpty(app.appHealthCheckPath),
        "app-health-probe-interval": app.appHealthProbeInterval,
        "app-health-probe-timeout": app.appHealthProbeTimeout,
        "app-health-threshold": app.appHealthThreshold,
        "enable-api-logging": app.enableApiLogging ? true : undefined,
        "dapr-graceful-shutdown-seconds": host.graceSeconds,
      },
      host.env,
    );
    return {
      options,
      command: app.command,
      directory,
      env: app.env,
      appLog: app.appLogDestination || "fileAndConsole",
      runtimeLog: app.daprdLogDestination || "file",
      logFolder: `${directory}/.dapr/logs`,
      hasResources: resourcesPaths.length > 0,
      place: `${document.file}:${document.lineOf(path, "key")}`,
    };
  } catch (error) {
    if (!ConfigError.is(error)) throw error;
    faults.add(path, error.message, "");
    return undefined;
  }
}

/** Reads a multi-app template whole. Throws ConfigError with file and line of everything that is wrong. */
export async function readTemplate(given: string, host: ReadTemplate): Promise<ReadTemplateResult> {
  const { files, cwd } = host;
  const path = await templatePath(given, files, cwd);
  const file = path === "-" ? "stdin" : path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : path;
  const text = path === "-" ? await host.readStdin() : await files.readText(path);
  const { documents, findings } = await readDocuments(file, text, "text");
  const [document] = documents;
  if (findings.length > 0) {
    throw refuse(findings.map((finding) => ({ ...finding, fix: "correct the YAML" })));
  }
  if (document === undefined) throw new ConfigError("options", `the template "${file}" is empty`);
  const decoded = decodeDocument(templateSchema, document, false);
  const { value } = decoded;
  if (value === null) throw refuse(decoded.findings.filter((finding) => finding.severity === "error"));
  const faults = createFaults(document);
  if (value.version === 0) faults.add([], "required field 'version' not found", "begin the template with version: 1");
  else if (value.version !== 1) faults.add(["version"], `version ${value.version} is not known`, "write version: 1");
  const base = path === "-" ? cwd : folderOf(path);
  const home = homeDirectory(host.env);
  const commonPath = async (raw: string, at: Path): Promise<string> => {
    const full = absolutePath(base, expandHome(raw, home));
    if ((await files.stat(full)) === null) {
      faults.add(at, `there is no file or folder "${full}"`, "correct the path, it is relative to the template");
    }
    return full;
  };
  const { common } = value;
  const commonPaths = await Promise.all([
    ...common.resourcesPaths.map((raw, index) => commonPath(raw, ["common", "resourcesPaths", index])),
    ...(common.resourcesPath === "" ? [] : [commonPath(common.resourcesPath, ["common", "resourcesPath"])]),
  ]);
  const commonConfig =
    common.configFilePath === "" ? "" : await commonPath(common.configFilePath, ["common", "configFilePath"]);
  // Paths follow an order of precedence of their own.
  const shared = { ...common, resourcesPath: "", resourcesPaths: [], configFilePath: "" };
  const apps: AppRun[] = [];
  const places = new Map<string, string>();
  for (const [index, app] of value.apps.entries()) {
    const at = ["apps", index];
    const scope = { ...host, base, commonPaths, commonConfig };
    const run = await readApp(withCommon(app, shared), at, document, faults, scope);
    if (run === undefined) continue;
    const { appId } = run.options;
    const earlier = places.get(appId);
    if (earlier !== undefined) {
      const fix = "give each app of a template an appID of its own";
      faults.add([...at, "appID"], `app id "${appId}" is already taken by the app at ${earlier}`, fix);
    }
    places.set(appId, run.place);
    apps.push(run);
  }
  if (value.apps.length === 0) faults.add(["apps"], "there are no apps", "list at least one below apps:");
  if (faults.findings.length > 0) throw refuse(faults.findings);
  return { template: { path, name: value.name }, apps, warnings: decoded.findings.map(formatFinding) };
}
