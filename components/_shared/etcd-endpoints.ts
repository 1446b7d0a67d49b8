import { DriverError } from "../../src/driver/errors.ts";
import type { Http2Connect } from "../../src/platform/types.ts";

/** Certificates for the servers of an etcd cluster, PEM. */
export interface EtcdTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const defaultPort = 2379;
const connectTimeoutMs = 2000;

function readEndpoint(text: string, tls: EtcdTls | undefined): Http2Connect {
  const parts = /^(?:(https?):\/\/)?(?:\[([^\]]+)\]|([^:/[\]]+))(?::([0-9]{1,5}))?\/?$/.exec(text);
  if (parts === null)
    throw new DriverError(
      "badMetadata",
      `initializing etcd client: endpoint ${JSON.stringify(text)} is no address: write host:port or https://host:port`,
    );
  const [, scheme, six, host = six ?? "", port] = parts;
  const secure = tls ?? (scheme === "https" ? {} : undefined);
  return {
    host,
    port: port === undefined ? defaultPort : Number(port),
    connectTimeoutMs,
    ...(secure !== undefined && { tls: secure }),
  };
}

/** The servers that a list with commas names. Throws DriverError "badMetadata". */
export function readEtcdEndpoints(text: string, tls: EtcdTls | undefined): readonly Http2Connect[] {
  const endpoints = text.split(",").map((each) => each.trim());
  if (endpoints[0] === "") throw new DriverError("badMetadata", "initializing etcd client: endpoints required");
  return endpoints.filter((each) => each !== "").map((each) => readEndpoint(each, tls));
}

/** The certificates of a component; undefined when TLS is off. Throws DriverError "badMetadata" when one is missing. */
export function readEtcdTls(enabled: boolean, { ca, cert, key }: EtcdTls): EtcdTls | undefined {
  if (!enabled) return undefined;
  if (ca === "" || cert === "" || key === "")
    throw new DriverError("badMetadata", "initializing etcd client: tls authentication information is incomplete");
  return { ca, cert, key };
}
