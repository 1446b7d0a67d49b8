import type { DriverTemplate } from "./template.ts";

/** A state store without features, and its test. */
export const stateTemplate: DriverTemplate = {
  contract: "src/driver/state.ts",
  suite: "test/conformance/state.ts",
  source: ({ type, name }) => `import { defineStateStore } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";

function unwritten(method: string): DriverError {
  return new DriverError("unsupported", \`cannot \${method}: ${type} is not written yet\`);
}

/** State in ${name}. */
export default defineStateStore({
  type: "${type}",
  versions: ["v1"],
  status: "alpha",
  summary: "State in ${name}",
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
      async set() {
        throw unwritten("set");
      },
      async delete() {
        throw unwritten("delete");
      },
      async close() {},
    };
  },
});
`,
  test: ({ type, name }) => `import type { DriverContext } from "../../../src/driver/context.ts";
import { stateConformance } from "../../../test/conformance/state.ts";
import { hostPlatform } from "../../../test/harness/host-platform.ts";
import driver from "./${name}.ts";

const platform = await hostPlatform();
const silent = () => undefined;
const context: DriverContext = {
  name: "store",
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
stateConformance("${type}", open, [], { pass: (ms) => platform.clock.sleep(ms) });
`,
};
