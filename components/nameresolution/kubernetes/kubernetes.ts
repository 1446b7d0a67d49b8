import { defineNameResolver } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { ResolveRequest } from "../../../src/driver/nameresolution.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { joinHostPort, splitHostPort } from "../../_shared/host-port.ts";
import { addressTemplate } from "./address-template.ts";

const isAddress = /^(?:\d+\.\d+\.\d+\.\d+|.*:.*)$/;

/** Names of the services that Kubernetes makes for sidecars, looked up by DNS. */
export default defineNameResolver({
  type: "nameresolution.kubernetes",
  versions: ["v1"],
  status: "stable",
  summary: "Services of Kubernetes by their DNS names",
  metadata: {
    clusterDomain: m.text().default("cluster.local").help("Domain of the cluster"),
    template: m
      .text()
      .help("Address in place of `ID-dapr.NAMESPACE.svc.DOMAIN:PORT`, with {{.ID}}, {{.Namespace}}, {{.Port}} in it"),
  },
  async open({ clusterDomain, template }, { platform }) {
    const domain = clusterDomain === "" ? "cluster.local" : clusterDomain;
    const addressOf =
      template === undefined || template === ""
        ? ({ appId, namespace, port }: ResolveRequest) => `${appId}-dapr.${namespace}.svc.${domain}:${port}`
        : addressTemplate(template);
    return {
      async resolve(request) {
        const address = addressOf(request);
        const parts = splitHostPort(address);
        if (parts === undefined) {
          throw new DriverError("badRequest", `${JSON.stringify(address)} of app ${request.appId} is no address`);
        }
        const { host } = parts;
        const port = parts.port === "" ? request.port : parts.port;
        if (platform.lookup === undefined || isAddress.test(host)) return [joinHostPort(host, port)];
        try {
          return (await platform.lookup(host)).map((found) => joinHostPort(found, port));
        } catch (cause) {
          const why = cause instanceof Error ? cause.message : String(cause);
          throw new DriverError("notFound", `failed to resolve address for '${host}': ${why}`, { cause });
        }
      },
      async close() {},
    };
  },
});
