import * as v from "valibot";
import { fault, field, list } from "./schema-field.ts";

// Plain scalars come as they are written, so that `VERSION: 1.10` and `ANSWER: yes` reach an app's variables unchanged.
const flagWords: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  y: true,
  false: false,
  no: false,
  off: false,
  n: false,
};
const isText = (value: unknown): value is string => typeof value === "string";
const flagText = () =>
  v.optional(
    v.pipe(
      v.custom<string>(
        (value) => isText(value) && Object.hasOwn(flagWords, value.toLowerCase()),
        fault("true or false", "write true or false"),
      ),
      v.transform((text) => flagWords[text.toLowerCase()] ?? false),
    ),
    "false",
  );
const integerText = () =>
  v.optional(
    v.pipe(
      v.custom<string>(
        (value) => isText(value) && /^[-+]?\d{1,15}$/.test(value),
        fault("a whole number", "write it in digits"),
      ),
      v.transform(Number),
    ),
    "0",
  );

const destinations = ["console", "file", "fileAndConsole"] as const;
const destination = () =>
  v.optional(v.picklist(["", ...destinations], fault("console, file or fileAndConsole", "write one of them")));

/** Fields that an app of a template and its common section share. compat: cli pkg/standalone/run.go SharedRunConfig */
const sharedFields = {
  configFilePath: field.text(),
  appProtocol: field.text(),
  apiListenAddresses: field.text(),
  enableProfiling: flagText(),
  logLevel: field.text(),
  appMaxConcurrency: integerText(),
  placementHostAddress: field.maybeText(),
  schedulerHostAddress: field.maybeText(),
  resourcesPath: field.text(),
  resourcesPaths: field.texts(),
  appSSL: flagText(),
  maxBodySize: field.text(),
  readBufferSize: field.text(),
  enableAppHealthCheck: flagText(),
  appHealthCheckPath: field.text(),
  appHealthProbeInterval: integerText(),
  appHealthProbeTimeout: integerText(),
  appHealthThreshold: integerText(),
  enableApiLogging: flagText(),
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
  appPort: integerText(),
  daprHTTPPort: integerText(),
  daprGRPCPort: integerText(),
  daprInternalGRPCPort: integerText(),
  metricsPort: integerText(),
  profilePort: integerText(),
  unixDomainSocket: field.text(),
  command: field.texts(),
  // What only a cluster uses is read and left alone.
  containerImage: field.text(),
  containerImagePullPolicy: field.text(),
  createService: flagText(),
};

const sharedSchema = v.object(sharedFields);

/** A multi-app template. compat: cli pkg/runfileconfig */
export const templateSchema = v.object({
  version: integerText(),
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
