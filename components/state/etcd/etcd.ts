import { defineStateStore } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { createEtcdChannel } from "../../_shared/etcd-channel.ts";
import { createEtcdClient } from "../../_shared/etcd-client.ts";
import { readEtcdEndpoints, readEtcdTls } from "../../_shared/etcd-endpoints.ts";
import { createEtcdStore } from "./etcd-store.ts";
import { envelopeFormat, plainFormat } from "./value-format.ts";

/** State in etcd, in the form of upstream's driver: both can work on one cluster at the same time. */
export default defineStateStore({
  type: "state.etcd",
  versions: ["v1", "v2"],
  status: "alpha",
  summary: "State in etcd; version v2 keeps binary values and tells when a value expires",
  metadata: {
    endpoints: m
      .text()
      .required("initializing etcd client: endpoints required")
      .help("`host:port` of the servers, with commas between"),
    keyPrefixPath: m.text().default("").help("Comes before each key, with a slash between"),
    tlsEnable: m.flag().default(false).help("Connects over TLS; `ca`, `cert` and `key` must be given then"),
    ca: m.text().default("").help("Certificate of the authority that signed the servers', PEM"),
    cert: m.text().default("").help("Certificate that we show, PEM"),
    key: m.secret().default("").help("Its private key, PEM"),
    maxTxnOps: m.integer().default(128).help("Most operations of a transaction, as the servers' `--max-txn-ops`"),
  },
  async open(metadata, { platform, clock, version }) {
    const endpoints = readEtcdEndpoints(metadata.endpoints, readEtcdTls(metadata.tlsEnable, metadata));
    const connect = platform.connectHttp2;
    if (connect === undefined)
      throw new DriverError(
        "unsupported",
        `state.etcd needs HTTP/2 connections, which the ${platform.name} runtime does not give`,
      );
    return createEtcdStore({
      etcd: createEtcdClient(createEtcdChannel({ endpoints, connect, clock })),
      clock,
      format: version?.toLowerCase() === "v2" ? envelopeFormat : plainFormat,
      keyPrefixPath: metadata.keyPrefixPath,
      maxTransactionOperations: metadata.maxTxnOps,
    });
  },
});
