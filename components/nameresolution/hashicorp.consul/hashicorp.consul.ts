import type { DriverContext } from "../../../src/driver/context.ts";
import { defineNameResolver } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { Announcement } from "../../../src/driver/nameresolution.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { joinHostPort } from "../../_shared/host-port.ts";
import { createConsulAgent, type QueryFields, type ServiceEntry } from "./consul-agent.ts";
import { type ClientFields, readAgentSettings } from "./consul-settings.ts";
import { checksShape, clientShape, queryShape, registrationShape, type Shape, shaped } from "./consul-shape.ts";
import { createConsulWatch } from "./consul-watch.ts";

type Registration = Readonly<Record<string, unknown>>;

/** Names in Consul's catalog, by way of the agent; sidecars of upstream and ours find each other. */
export default defineNameResolver({
  type: "nameresolution.hashicorp.consul",
  versions: ["v1"],
  aliases: ["nameresolution.consul"],
  status: "alpha",
  summary: "Healthy instances of apps in Consul's catalog",
  metadata: {
    client: m.json().help("The agent: address, scheme, datacenter, token, tokenFile, httpAuth, tlsConfig"),
    queryOptions: m.json().help("Options of look-ups: datacenter, filter, near, allowStale, useCache, waitTime, …"),
    selfRegister: m.flag().default(false).help("Registers the app at the agent"),
    selfDeregister: m.flag().default(false).help("Takes the registration back when the sidecar stops"),
    checks: m.json().help("Health checks of the registration in place of one of the sidecar's health"),
    tags: m.json().help("Tags of the registration"),
    meta: m.json().help("Metadata of the registration"),
    advancedRegistration: m.json().help("A whole registration; selfRegister, checks, tags and meta do not count then"),
    daprPortMetaKey: m.text().default("DAPR_PORT").help("Metadata in which instances tell their internal port"),
    useCache: m.flag().default(false).help("Keeps healthy instances in memory and watches them"),
  },
  async open(metadata, context) {
    const { log, clock, random } = context;
    const read = (name: keyof typeof metadata, shape: Shape): unknown => {
      const value = metadata[name];
      if (value === undefined || value === null) return undefined;
      return shaped(value, shape, name, (place) => log.warn(`${place} means nothing to Consul and is left out`));
    };
    const agent = createConsulAgent(
      await readAgentSettings(read("client", clientShape) as ClientFields | undefined, context),
      clock,
    );
    const query = (read("queryOptions", queryShape) ?? { UseCache: true }) as QueryFields;
    const direct: QueryFields = { ...query, WaitIndex: 0, WaitHash: "" };
    const given = {
      checks: read("checks", checksShape),
      tags: read("tags", { kind: "texts" }),
      meta: read("meta", { kind: "textMap" }),
    };
    const advanced = read("advancedRegistration", registrationShape) as Registration | undefined;
    const key = metadata.daprPortMetaKey === "" ? "DAPR_PORT" : metadata.daprPortMetaKey;
    const registers = advanced !== undefined || metadata.selfRegister;
    if (!registers) {
      await agent.self(context.signal).catch((cause: unknown) => {
        throw failed("failed check on consul agent", cause);
      });
    }
    const watch = metadata.useCache ? createConsulWatch(agent, query, { clock, random, log }) : undefined;

    async function instances(appId: string, signal: AbortSignal): Promise<readonly ServiceEntry[]> {
      const kept = watch?.find(appId);
      if (kept !== undefined && kept.length > 0) return kept;
      try {
        return await agent.healthy(appId, direct, signal);
      } catch (cause) {
        signal.throwIfAborted();
        throw failed("failed to query healthy consul services", cause);
      }
    }

    return {
      isFresh: true,
      ...(registers && {
        async register(self: Announcement) {
          const service = withPort(advanced ?? registrationOf(self, given), key, self.internalPort);
          await agent.register(service, context.signal).catch((cause: unknown) => {
            throw failed("failed to register consul service", cause);
          });
          log.info(`service:${service["Name"] ?? ""} registered on consul agent`);
          return async () => {
            if (!metadata.selfDeregister) return;
            await agent.deregister(String(service["ID"] ?? service["Name"] ?? "")).catch((cause: unknown) => {
              throw failed("failed to deregister consul service", cause);
            });
            log.info("deregistered service from consul");
          };
        },
      }),
      async resolve({ appId }, signal) {
        const found = await instances(appId, signal);
        if (found.length === 0) throw none(appId);
        return addressesOf(appId, found, key, context);
      },
      async close() {
        await watch?.close();
      },
    };
  },
});

function failed(what: string, cause: unknown): DriverError {
  return new DriverError("unavailable", `${what}: ${cause instanceof Error ? cause.message : cause}`, { cause });
}

function none(appId: string): DriverError {
  return new DriverError("notFound", `no healthy services found with AppID '${appId}'`);
}

/** What a sidecar registers of its app when the configuration says no more than that it should. */
function registrationOf(
  self: Announcement,
  given: { readonly checks: unknown; readonly tags: unknown; readonly meta: unknown },
): Registration {
  const { appId, hostAddress, httpPort, appPort } = self;
  if (appId === "") throw new DriverError("badMetadata", "name is missing");
  if (hostAddress === "") throw new DriverError("badMetadata", "address is missing");
  if (!(appPort !== undefined && appPort > 0)) {
    throw new DriverError(
      "badMetadata",
      "metadata property missing: APP_PORT: selfRegister needs an app, give --app-port",
    );
  }
  const id = `${appId}-${hostAddress}-${httpPort}`;
  const ofSidecar = {
    Name: "Dapr Health Status",
    CheckID: `daprHealth:${id}`,
    Interval: "15s",
    HTTP: `http://${joinHostPort(hostAddress, httpPort)}/v1.0/healthz?appid=${appId}`,
  };
  const { checks, tags, meta } = given;
  return {
    ID: id,
    Name: appId,
    Address: hostAddress,
    Port: appPort,
    Checks: Array.isArray(checks) && checks.length > 0 ? checks : [ofSidecar],
    ...(tags === undefined ? {} : { Tags: tags }),
    ...(meta === undefined ? {} : { Meta: meta }),
  };
}

function withPort(service: Registration, key: string, internalPort: number): Registration {
  if (!(internalPort > 0)) throw new DriverError("badMetadata", "port is missing or invalid");
  return { ...service, Meta: { ...(service["Meta"] as object | undefined), [key]: String(internalPort) } };
}

/** The addresses of all instances that tell theirs; when none does, the reason of one of them is the error. */
async function addressesOf(
  appId: string,
  found: readonly ServiceEntry[],
  key: string,
  { platform }: DriverContext,
): Promise<readonly string[]> {
  const addresses: string[] = [];
  let reason: DriverError | undefined;
  for (const { Service, Node } of found) {
    const port = Service?.Meta?.[key] ?? "";
    const host = Service?.Address || Node?.Address || "";
    if (port === "") {
      reason = new DriverError("notFound", `target service AppID '${appId}' found but ${key} missing from meta`);
    } else if (host === "") reason = none(appId);
    else if (isAddress(host) || (await isKnown(host, platform.lookup))) addresses.push(joinHostPort(host, port));
    else reason = new DriverError("notFound", `invalid ip address or unreachable hostname: ${host}`);
  }
  if (addresses.length === 0 && reason !== undefined) throw reason;
  return addresses;
}

function isAddress(host: string): boolean {
  return host.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}

async function isKnown(host: string, lookup: DriverContext["platform"]["lookup"]): Promise<boolean> {
  // portable: where nothing looks names up, the connection does.
  if (lookup === undefined) return true;
  return lookup(host).then(
    (found) => found.length > 0,
    () => false,
  );
}
