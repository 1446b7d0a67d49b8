import { defineStateStore } from "../../../src/driver/define-driver.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { createMemoryStore } from "./memory-store.ts";

/** State in the memory of this process: for tests and development, gone when the process ends. */
export default defineStateStore({
  type: "state.in-memory",
  versions: ["v1"],
  status: "stable",
  summary: "State in the memory of this process",
  metadata: {
    enableQuery: m.flag().default(false).help("Turns on the query API over JSON values"),
  },
  open: async ({ enableQuery }, { clock, random }) => createMemoryStore({ clock, random, enableQuery }),
});
