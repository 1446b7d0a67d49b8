import { createHttpTarget } from "../blocks/invoke/app-http.ts";
import { createConcurrencyLimit } from "../channel/app/concurrency-limit.ts";
import type { AppMiddleware } from "../channel/app/http-app.ts";
import { createHttpOrigin, type HttpOrigin } from "../channel/app/http-origin.ts";
import type { HttpCallMeter } from "../channel/app/metered.ts";
import type { HttpEndpoint, TlsDocument } from "../config/resource/http-endpoint.ts";
import type { SecretStore } from "../driver/secretstore.ts";
import type { PropertyItem } from "../host/component.ts";
import { resolveProperties } from "../host/properties.ts";
import type { InvocationTarget } from "../kit/invocation.ts";
import type { Platform } from "../platform/types.ts";
import type { Log } from "../telemetry/ports.ts";

/** Services outside that resources give a name. */
export interface HttpEndpoints {
  /** The service of that name; undefined when there is none. */
  find(name: string): InvocationTarget | undefined;
  close(): void;
}

export interface HttpEndpointsPorts {
  readonly platform: Pick<Platform, "tcp" | "clock" | "env">;
  readonly endpoints: readonly HttpEndpoint[];
  secretStore(name: string): SecretStore | undefined;
  readonly log: Log;
  /** compat: pkg/runtime/channels/channels.go puts the app's pipeline around these calls too, */
  readonly pipeline?: readonly AppMiddleware[];
  /** and gives each service as many calls at once as the app. */
  readonly maxConcurrency?: number;
  readonly meter?: HttpCallMeter | undefined;
}

/** In front of the TLS documents among the items to resolve, where no header can have it. */
const tlsPrefix = "clientTLS ";

/** The services of the resources; secrets of one are looked up, and its connection is opened, with its first call. */
export function createHttpEndpoints(ports: HttpEndpointsPorts): HttpEndpoints {
  const origins = new Set<HttpOrigin>();

  const open = async (endpoint: HttpEndpoint): Promise<InvocationTarget> => {
    const resolution = await resolveProperties(
      {
        name: endpoint.name,
        namespace: endpoint.namespace,
        type: "HTTPEndpoint",
        version: "v1alpha1",
        metadata: itemsOf(endpoint),
        secretStore: endpoint.secretStore,
        ignoreErrors: false,
        initTimeoutMs: 0,
      },
      {
        env: ports.platform.env,
        secretStore: (name) => ports.secretStore(name),
        log: ports.log,
        signal: new AbortController().signal,
      },
    );
    if ("waitsFor" in resolution)
      throw new Error(`secret store "${resolution.waitsFor}" of HTTPEndpoint "${endpoint.name}" is not loaded`);
    const { properties } = resolution;
    const pem = (key: "ca" | "cert" | "key") => {
      const value = properties.get(`${tlsPrefix}${key}`);
      return value === undefined || value === "" ? {} : { [key]: value };
    };
    const origin = createHttpOrigin({
      platform: ports.platform,
      baseUrl: endpoint.baseUrl,
      headers: [...properties].filter(([name]) => !name.startsWith(tlsPrefix)),
      tls: { ...pem("ca"), ...pem("cert"), ...pem("key") },
      followsRedirects: true,
      limit: createConcurrencyLimit(ports.maxConcurrency ?? 0),
      ...(ports.pipeline !== undefined && { pipeline: ports.pipeline }),
      meter: ports.meter,
    });
    origins.add(origin);
    return createHttpTarget(origin, endpoint.baseUrl);
  };

  const lazily = (endpoint: HttpEndpoint): InvocationTarget => {
    let opening: Promise<InvocationTarget> | undefined;
    return {
      async invoke(request, call) {
        opening ??= open(endpoint).catch((error: unknown) => {
          opening = undefined;
          throw error;
        });
        return (await opening).invoke(request, call);
      },
    };
  };
  for (const { name, clientTls } of ports.endpoints) {
    const { renegotiation } = clientTls;
    if (renegotiation === "Never" || renegotiation === "") continue;
    if (!["OnceAsClient", "FreelyAsClient"].includes(renegotiation)) {
      const known = "write Never, OnceAsClient or FreelyAsClient";
      throw new Error(`invalid renegotiation value ${renegotiation} for http endpoint ${name}: ${known}`);
    }
    ports.log.warn(
      `HTTPEndpoint "${name}": this host's TLS never renegotiates, renegotiation ${renegotiation} has no effect`,
    );
  }
  const targets = new Map(ports.endpoints.map((endpoint) => [endpoint.name, lazily(endpoint)]));

  return {
    find: (name) => targets.get(name),
    close() {
      for (const origin of origins) origin.close();
      origins.clear();
    },
  };
}

function itemsOf({ headers, clientTls }: HttpEndpoint): PropertyItem[] {
  const document = (key: string, found: TlsDocument | undefined): PropertyItem[] =>
    found === undefined ? [] : [item(`${tlsPrefix}${key}`, found)];
  return [
    ...headers.map((header) => item(header.name, header)),
    ...document("ca", clientTls.rootCA),
    ...document("cert", clientTls.certificate),
    ...document("key", clientTls.privateKey),
  ];
}

/** Absent members are left out, as the host wants its items. */
function item(
  name: string,
  { value, secretKeyRef, envRef }: TlsDocument & { readonly envRef?: string | undefined },
): PropertyItem {
  return {
    name,
    ...(value === undefined ? {} : { value }),
    ...(secretKeyRef === undefined ? {} : { secretKeyRef }),
    ...(envRef === undefined ? {} : { envRef }),
  };
}
