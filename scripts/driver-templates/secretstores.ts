import type { DriverTemplate } from "./template.ts";

/** A secret store, and its test. */
export const secretStoresTemplate: DriverTemplate = {
  contract: "src/driver/secretstore.ts",
  suite: "test/conformance/secretstores.ts",
  source: ({ type, name }) => `import { defineSecretStore } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";

function unwritten(method: string): DriverError {
  return new DriverError("unsupported", \`cannot \${method}: ${type} is not written yet\`);
}

/** Secrets in ${name}. */
export default defineSecretStore({
  type: "${type}",
  versions: ["v1"],
  status: "alpha",
  summary: "Secrets in ${name}",
  metadata: {
    host: m.text().required("missing host").help("Address of the server, as host:port"),
  },
  async open({ host }, { log }) {
    log.debug(\`using "\${host}"\`);
    return {
      features: [],
      async get() {
        throw unwritten("get");
      },
      async bulkGet() {
        throw unwritten("list");
      },
      async close() {},
    };
  },
});
`,
  test: ({ type, name }) => `import type { DriverContext } from "../../../src/driver/context.ts";
import { secretStoreConformance } from "../../../test/conformance/secretstores.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./${name}.ts";

const platform = await hostPlatform();
const silent = () => undefined;
const context: DriverContext = {
  name: "secrets",
  appId: "app",
  namespace: "",
  log: { debug: silent, info: silent, warn: silent, error: silent },
  signal: new AbortController().signal,
  platform,
  clock: platform.clock,
  random: platform.random,
  storage: () => Promise.reject(new Error("this driver has no use for files")),
};

const open = () => driver.open(new Map([["host", "127.0.0.1:1"]]), context);
// The suite expects the secrets conftestsecret = abcd and secondsecret = efgh.
secretStoreConformance("${type}", open, { missing: "fails" });
`,
};
