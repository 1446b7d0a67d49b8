import type { ComponentResource } from "../host/component.ts";

/** The components that `pillion run` gives when there are no files: durable, in one database of the data folder. */
export function defaultComponents(dataDir: string): readonly ComponentResource[] {
  const path = `${dataDir}/pillion.db`;
  const common = { namespace: "", version: "v1", secretStore: "", ignoreErrors: false, initTimeoutMs: 5000 };
  return [
    {
      ...common,
      name: "statestore",
      type: "state.sqlite",
      metadata: [
        { name: "connectionString", value: path },
        { name: "actorStateStore", value: "true" },
      ],
    },
    { ...common, name: "pubsub", type: "pubsub.embedded", metadata: [{ name: "path", value: path }] },
  ];
}
