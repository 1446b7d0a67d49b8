/** Instances of one driver, as the hosts of a pluggable component name them. */
export interface Instances<T> {
  /** Opens the instance, or again when it is to have other properties. */
  init(name: string, properties: Readonly<Record<string, string>>): Promise<void>;
  /** Undefined before `init`. */
  get(name: string): T | undefined;
  close(): Promise<void>;
}

interface Instance<T> {
  readonly properties: string;
  readonly opened: T;
}

const keyOf = (properties: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.entries(properties).sort(([one], [other]) => (one < other ? -1 : 1)));

/** Keeps instances by name. A host that comes back with the same properties finds the instance that it had. */
export function createInstances<T extends { close(): Promise<void> }>(
  open: (name: string, properties: Readonly<Record<string, string>>) => Promise<T>,
): Instances<T> {
  const instances = new Map<string, Instance<T>>();
  const turns = new Map<string, Promise<void>>();
  let isClosed = false;

  async function replace(name: string, properties: Readonly<Record<string, string>>): Promise<void> {
    const wanted = keyOf(properties);
    const found = instances.get(name);
    if (found?.properties === wanted) return;
    instances.delete(name);
    await found?.opened.close();
    const opened = await open(name, properties);
    if (isClosed) await opened.close();
    else instances.set(name, { properties: wanted, opened });
  }

  return {
    init(name, properties) {
      // One after the other: both services of a binding are initialised, maybe by several hosts at once.
      const before = turns.get(name) ?? Promise.resolve();
      const turn = before.catch(() => undefined).then(() => replace(name, properties));
      turns.set(name, turn);
      return turn;
    },
    get: (name) => instances.get(name)?.opened,
    async close() {
      isClosed = true;
      const all = [...instances.values()];
      instances.clear();
      await Promise.all(all.map(({ opened }) => opened.close()));
    },
  };
}
