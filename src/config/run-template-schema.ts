import * as v from "valibot";
import { fault, field, list } from "./schema-field.ts";

const destinations = ["console", "file", "fileAndConsole"] as const;
const destination = () =>
  v.optional(v.picklist(["", ...destinations], fault("console, file or fileAndConsole", "write one of them")));

/** Fields that an app of a template and its common section share. compat: cli pkg/standalone/run.go SharedRunConfig */
const sharedFields = {
  configFilePath: field.text(),
  appProtocol: field.text(),
  apiListenAddresses: field.text(),
  enableProfiling: field.flag(),
  logLevel: field.text(),
  appMaxConcurrency: field.integer(),
  placementHostAddress: field.maybeText(),
  schedulerHostAddress: field.maybeText(),
  resourcesPath: field.text(),
  resourcesPaths: field.texts(),
  appSSL: field.flag(),
  maxBodySize: field.text(),
  readBufferSize: field.text(),
  enableAppHealthCheck: field.flag(),
  appHealthCheckPath: field.text(),
  appHealthProbeInterval: field.integer(),
  appHealthProbeTimeout: field.integer(),
  appHealthThreshold: field.integer(),
  enableApiLogging: field.flag(),
  runtimePath: field.text(),
  env: field.textMap(),
  daprdLogDestination: destination(),
  appLogDestination: destination(),
};

const appFields = {
  ...sharedFields,
  appID: field.text(),
  appDirPath: field.text(),
  appChannelAddress: field.text(),
  appPort: field.integer(),
  daprHTTPPort: field.integer(),
  daprGRPCPort: field.integer(),
  daprInternalGRPCPort: field.integer(),
  metricsPort: field.integer(),
  profilePort: field.integer(),
  unixDomainSocket: field.text(),
  command: field.texts(),
  // What only a cluster uses is read and left alone.
  containerImage: field.text(),
  containerImagePullPolicy: field.text(),
  createService: field.flag(),
};

const sharedSchema = v.object(sharedFields);

/** A multi-app template. compat: cli pkg/runfileconfig */
export const templateSchema = v.object({
  version: field.integer(),
  name: field.text(),
  common: v.optional(sharedSchema, {}),
  apps: list(v.object(appFields, fault("a block of fields", "indent the fields below it"))),
});

export type TemplateShared = v.InferOutput<typeof sharedSchema>;
export type TemplateApp = v.InferOutput<typeof templateSchema>["apps"][number];

function isZero(value: unknown): boolean {
  return (
    value === undefined ||
    value === "" ||
    value === 0 ||
    value === false ||
    (Array.isArray(value) && value.length === 0)
  );
}

/** compat: a field of the common section counts where the app leaves its own at zero; variables are joined, the app's win. */
export function withCommon(app: TemplateApp, common: TemplateShared): TemplateApp {
  const filled = Object.entries(common).filter(([key]) => isZero(app[key as keyof TemplateApp]));
  return { ...app, ...Object.fromEntries(filled), env: { ...common.env, ...app.env } };
}
