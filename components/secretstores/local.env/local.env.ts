import { defineSecretStore } from "../../../src/driver/define-driver.ts";
import type { Secret } from "../../../src/driver/secretstore.ts";
import { m } from "../../../src/kit/schema/codecs.ts";

/** Variables that hold the runtime's own tokens and settings are never handed out. */
function isAllowed(variable: string): boolean {
  const name = variable.toUpperCase();
  return name !== "APP_API_TOKEN" && !name.startsWith("DAPR_");
}

export default defineSecretStore({
  type: "secretstores.local.env",
  versions: ["v1"],
  status: "stable",
  summary: "Secrets from the environment of the runtime, for development",
  metadata: {
    prefix: m.text().default("").help("Put in front of the names that are read, and cut off again in lists"),
  },
  async open({ prefix }, { platform, log }) {
    const foldsCase = platform.process?.platform === "windows";
    const fold = (name: string): string => (foldsCase ? name.toUpperCase() : name);
    const isOurs = (name: string): boolean =>
      prefix === "" || (name.length > prefix.length && fold(name).startsWith(fold(prefix)));

    return {
      features: [],
      async get(name) {
        const variable = prefix + name;
        if (isAllowed(variable))
          return { [name]: (Object.hasOwn(platform.env, variable) ? platform.env[variable] : undefined) ?? "" };
        log.warn(`Access to env var ${name} is forbidden`);
        return { [name]: "" };
      },
      async bulkGet() {
        const found: [string, Secret][] = [];
        for (const [variable, value] of Object.entries(platform.env)) {
          if (value === undefined || !isOurs(variable) || !isAllowed(variable)) continue;
          const name = variable.slice(prefix.length);
          found.push([name, { [name]: value }]);
        }
        return Object.fromEntries(found);
      },
      async close() {},
    };
  },
});
