import { createHttpApi } from "../api/http/app.ts";
import { cleanPath } from "../api/http/clean-path.ts";
import type { Fallback, HttpRequest } from "../api/http/route.ts";
import { metadataHttp } from "../blocks/metadata/http.ts";
import { secretsHttp } from "../blocks/secrets/http.ts";
import { stateHttp } from "../blocks/state/http.ts";
import { createInlineSource } from "../config/inline-source.ts";
import type { IsolateOptions } from "../config/isolate-options.ts";
import type { Resources } from "../config/load.ts";
import type { AppOptions } from "../config/options.ts";
import type { Catalog } from "../driver/define.ts";
import { fail } from "../errors/error.ts";
import type { LoadedComponent } from "../host/component.ts";
import type { FetchHandler, Platform } from "../platform/types.ts";
import { createPolicyProvider, type ResiliencyMeter } from "../resiliency/provider.ts";
import type { Log } from "../telemetry/ports.ts";
import { createTracer } from "../telemetry/trace.ts";
import { createSidecarComponents } from "./components.ts";
import { allowedComponents, readResources, unenforceable } from "./load-resources.ts";
import { createOutboxSettings } from "./outbox-settings.ts";
import { wireSecrets, wireState } from "./wire.ts";
import { wireMetadata } from "./wire-metadata.ts";

export interface IsolatePorts {
  readonly platform: Platform;
  readonly catalog: Catalog;
  /** Version of the runtime, for the metadata API. */
  readonly version: string;
  readonly options: IsolateOptions;
  readonly log: Log;
}

const noApp: AppOptions = {
  port: 0,
  protocol: "http",
  channelAddress: "",
  maxConcurrency: 0,
  bindingOptionsTimeoutMs: 0,
  health: { enabled: false, path: "", intervalMs: 0, timeoutMs: 0, threshold: 0 },
};
/** First segments behind the version that belong to blocks which need a process that stays. */
const elsewhere: Readonly<Record<string, string>> = {
  invoke: "invocation",
  publish: "publish/subscribe",
  bindings: "the bindings API",
  actors: "the actors API",
  configuration: "the configuration API",
  lock: "the lock API",
  unlock: "the lock API",
  crypto: "the cryptography API",
  subtlecrypto: "the cryptography API",
  workflows: "the workflow API",
  jobs: "the jobs API",
  conversation: "the conversation API",
};

/** What of the API is asked for and is not here; undefined for what is nowhere. */
function absentApi(request: HttpRequest): string | undefined {
  const [, version = "", first = ""] = cleanPath(request.path).split("/");
  if (/^v1\.0(?:-|$)/.test(version) && Object.hasOwn(elsewhere, first)) return elsewhere[first];
  if (version.startsWith("dapr.proto.") || version.startsWith("grpc.")) return "gRPC";
  return request.headers.has("dapr-app-id") ? elsewhere["invoke"] : undefined;
}

/** An isolate shows no metrics. */
const unmetered: ResiliencyMeter = {
  loaded: () => undefined,
  target: () => ({ executed: () => undefined, activated: () => undefined }),
};

/** Says what of the resources an isolate passes over. */
function warnOfUnused({ configuration, subscriptions }: Resources, log: Log): void {
  const { stdout, zipkinEndpoint, otel } = configuration.tracing;
  if (stdout || zipkinEndpoint !== "" || otel.endpoint !== "")
    log.warn("tracing exporters have no effect in an isolate: trace headers are passed on, no spans are sent");
  if (subscriptions.length > 0)
    log.warn(`Subscription ${subscriptions.map(({ name }) => `"${name}"`).join(", ")} has no effect in an isolate`);
}

/**
 * A sidecar that only answers requests: metadata, health, secrets and state over HTTP, on the blocks and the host of every
 * other. Components are opened before it resolves; nothing of the request that opened it is kept. Rejects when one fails.
 */
export async function openIsolate({ platform, catalog, version, options, log }: IsolatePorts): Promise<FetchHandler> {
  const { clock, random } = platform;
  const { appId, namespace } = options;
  const env = { ...platform.env, APP_ID: appId };
  if (options.apiToken === "")
    log.warn("No API token: whoever reaches this isolate can use it; set DAPR_API_TOKEN or give it no public route");

  const inline = { values: options.resources, appId, namespace, env };
  const resources = await readResources(createInlineSource(inline), log);
  const { configuration } = resources;
  const refusal = unenforceable(resources, catalog);
  if (refusal !== undefined) throw new Error(refusal);
  warnOfUnused(resources, log);

  const components = createSidecarComponents({
    shared: {
      platform,
      catalog,
      storages: {
        open: (path) => Promise.reject(new Error(`cannot open "${path}": an isolate has no files`)),
        hold: () => async () => {},
      },
      dataDir: undefined,
    },
    options,
    telemetry: {
      components: { loaded: () => undefined, initialized: () => undefined, initFailed: () => undefined },
      operations: () => undefined,
    },
    resiliency: await createPolicyProvider(resources.resiliencies, { clock, random, log, meter: unmetered }),
    log,
    env,
    async onLoaded(component) {
      if (component.category === "state") await state.loaded(component as LoadedComponent<"state">);
    },
  });
  const secrets = wireSecrets(components, configuration);
  const refuse = (api: string) => (): never => {
    throw fail("notOnHost", { api, host: platform.name });
  };
  const outboxes = createOutboxSettings(components);
  const state = wireState(
    components,
    { appId, namespace, random },
    {
      hasOutbox: (storeName) => outboxes.of(storeName) !== undefined,
      transact: refuse("a transaction with an outbox, a publish or a delivery"),
    },
  );
  const shutdown = refuse("the shutdown API");
  const facts = wireMetadata({
    options: { appId, app: noApp },
    resources,
    components,
    readiness: { missing: () => [] },
    outbound: { isReady: true },
    control: { extended: new Map(), shutdown, kill: shutdown },
    version,
    clock,
    log,
    subscriptions: () => [],
  });
  const metadata = { facts: facts.metadata.facts, setLabel: refuse("setting metadata") };

  try {
    await components.loadAll(allowedComponents(resources.components, configuration, log));
  } catch (error) {
    await components.closeAll();
    throw error;
  }

  const fallback: Fallback = {
    handle(request) {
      const api = absentApi(request);
      throw api === undefined ? fail("noRoute", {}) : fail("notOnHost", { api, host: platform.name });
    },
  };
  const ofHttp = (rules: typeof configuration.api.allowed) => rules.filter((rule) => rule.protocol === "http");
  return createHttpApi({
    routes: [
      ...stateHttp(state.state),
      ...secretsHttp(secrets),
      ...metadataHttp({ metadata, health: facts.health, shutdown }),
    ],
    fallback,
    clock,
    tracer: createTracer({ samplingRate: configuration.tracing.samplingRate, hasExporter: false, random }),
    access: { allowed: ofHttp(configuration.api.allowed), denied: ofHttp(configuration.api.denied) },
    bodyLimit: options.maxBodySize,
    token: options.apiToken,
    allowedOrigins: options.allowedOrigins.join(","),
    ...((options.apiLogging ?? configuration.apiLogging.enabled) && {
      apiLog: {
        log: log.scope("dapr.runtime.http-info"),
        obfuscateUrls: configuration.apiLogging.obfuscateURLs,
        omitHealthChecks: configuration.apiLogging.omitHealthChecks,
      },
    }),
  });
}
