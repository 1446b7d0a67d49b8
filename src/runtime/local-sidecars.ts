/** What a sidecar offers to the others of its process. */
export interface LocalSidecar<Accept> {
  readonly appId: string;
  readonly namespace: string;
  /** Host and port of its peer listener, for callers that want the wire. */
  readonly address: string;
  /** Takes a call as if it had come from a peer. */
  readonly accept: Accept;
}

/** The sidecars of this process, by app id and namespace. */
export interface LocalSidecars<Accept> {
  add(sidecar: LocalSidecar<Accept>): () => void;
  find(appId: string, namespace: string): LocalSidecar<Accept> | undefined;
}

/** An empty table of sidecars. Of two with the same name the later one is found. */
export function createLocalSidecars<Accept>(): LocalSidecars<Accept> {
  const table = new Map<string, LocalSidecar<Accept>[]>();
  const keyOf = (appId: string, namespace: string): string => `${namespace}/${appId}`;
  return {
    add(sidecar) {
      const key = keyOf(sidecar.appId, sidecar.namespace);
      table.set(key, [...(table.get(key) ?? []), sidecar]);
      return () => {
        const left = (table.get(key) ?? []).filter((other) => other !== sidecar);
        if (left.length === 0) table.delete(key);
        else table.set(key, left);
      };
    },
    find: (appId, namespace) => table.get(keyOf(appId, namespace))?.at(-1),
  };
}
