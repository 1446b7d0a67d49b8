/** Runs the wrapped call of one named method; it must answer or throw what `run` does. */
export type Around = <T>(method: string, run: () => Promise<T>) => Promise<T>;

/**
 * Gives an object with the same interface whose listed asynchronous methods pass through `around`.
 * Methods that the object lacks stay absent; everything else is taken as it is.
 */
export function aroundMethods<T extends object>(target: T, methods: readonly (keyof T & string)[], around: Around): T {
  const wrapped: Record<string, unknown> = Object.create(target) as Record<string, unknown>;
  for (const name of methods) {
    const method = target[name];
    if (typeof method !== "function") continue;
    wrapped[name] = (...args: unknown[]) => around(name, () => method.apply(target, args) as Promise<unknown>);
  }
  return wrapped as T;
}
