/** A number of places that users take and give back; who found none is called, in turn, when one is free. */
export interface Slots {
  /** False when all are taken: `freed` is called once there is one, which has to be asked for again. */
  take(freed: () => void): boolean;
  release(): void;
}

/** Makes so many places. */
export function createSlots(count: number): Slots {
  let free = count;
  const waiting = new Set<() => void>();
  return {
    take(freed) {
      if (free > 0) {
        free -= 1;
        return true;
      }
      waiting.add(freed);
      return false;
    },
    release() {
      free += 1;
      for (const freed of waiting) {
        waiting.delete(freed);
        freed();
        if (free === 0) return;
      }
    },
  };
}
