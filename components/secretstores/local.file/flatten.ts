/** Takes one flattened secret; `path` is its name. */
export type Visit = (path: string, value: string) => void;

function leafText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * Visits every text, number, boolean and null below a JSON value. Names join the keys and array positions on the way with
 * the separator. Values that are no text are given as their JSON text.
 */
export function flatten(value: object, separator: string, visit: Visit): void {
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) visit(path, leafText(node));
    else for (const [key, member] of Object.entries(node)) walk(member, `${path}${separator}${key}`);
  };
  for (const [key, member] of Object.entries(value)) walk(member, key);
}
