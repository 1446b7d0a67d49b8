/** Keeps the entries that were used last; the one unused for longest goes when there are too many. */
export class BreakerCache<V> {
  readonly #entries = new Map<string, V>();
  readonly #size: number;

  /** `size` is at least 1. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The entry of a key, made when it is not there. */
  get(key: string, make: () => V): V {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known;
    }
    const made = make();
    this.#entries.set(key, made);
    if (this.#entries.size > this.#size) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    return made;
  }

  get size(): number {
    return this.#entries.size;
  }
}
