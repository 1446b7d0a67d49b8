/** Values by operation names whose parts may hold `*`. */
export interface OperationTree<T> {
  /** The value for an operation that begins with a slash; undefined when no name fits. */
  find(operation: string): T | undefined;
}

interface Branch<T> {
  /** One part of a name. */
  readonly part: string;
  readonly fits: (part: string) => boolean;
  value: T | undefined;
  readonly below: Branch<T>[];
}

/**
 * Reads names that begin with a slash; the first of two equal ones counts. `/a` is also for what lies below it, `/*` for one more
 * part or none, `/**` for any further parts, and `*` within a part for any text. compat: pkg/config/acl_trie.go; of several parts
 * that fit, the one that was named first is followed, and there is no way back from it.
 */
export function createOperationTree<T>(names: Iterable<readonly [string, T]>): OperationTree<T> {
  const top: Branch<T>[] = [];
  for (const [name, value] of names) {
    const parts = name.split("/").slice(1);
    let level = top;
    for (const [index, part] of parts.entries()) {
      let branch = level.find((known) => known.part === part);
      if (branch === undefined) level.push((branch = { part, fits: partPattern(part), value: undefined, below: [] }));
      if (index === parts.length - 1) branch.value ??= value;
      level = branch.below;
    }
  }
  return {
    find(operation) {
      const parts = operation.split("/").slice(1);
      let level: readonly Branch<T>[] = top;
      for (const [index, part] of parts.entries()) {
        const isLast = index === parts.length - 1;
        const branch = follow(level, part, isLast);
        if (branch === undefined) return undefined;
        // An operation may have a part that is a star itself.
        if (branch.value !== undefined && (isLast || branch.part !== "*")) return branch.value;
        if (isLast) return follow(branch.below, "*", true)?.value;
        level = branch.below;
      }
      return undefined;
    },
  };
}

function follow<T>(level: readonly Branch<T>[], part: string, isLast: boolean): Branch<T> | undefined {
  return level.find((branch) => branch.part === part || (branch.part === "*" ? isLast : branch.fits(part)));
}

/** Whether a part fits one with stars in it; takes no more than the product of their lengths. */
function partPattern(pattern: string): (part: string) => boolean {
  if (!pattern.includes("*")) return (part) => part === pattern;
  const [head = "", ...rest] = pattern.split("*");
  const tail = rest.pop() ?? "";
  return (part) => {
    if (!part.startsWith(head)) return false;
    const end = part.length - tail.length;
    let at = head.length;
    for (const piece of rest) {
      const found = part.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= end && part.endsWith(tail);
  };
}
