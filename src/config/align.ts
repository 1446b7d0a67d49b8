import type { GenericSchema } from "valibot";

type Path = readonly (string | number)[];
/** What alignment came across: a field that the schema does not know, with the names that it does know there. */
export interface UnknownField {
  readonly path: Path;
  readonly known: readonly string[];
}

interface Shape {
  readonly type: string;
  readonly wrapped?: Shape;
  readonly entries?: Readonly<Record<string, Shape>>;
  readonly item?: Shape;
  readonly value?: Shape;
}

function isBlock(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Gives the keys of a value the spelling of the schema, drops what is null and what the schema does not know.
 * `anyCase` accepts keys in any letter case, as Go's JSON reader does.
 */
export function alignFields(
  schema: GenericSchema,
  value: unknown,
  anyCase: boolean,
  unknown: (found: UnknownField) => void,
): unknown {
  const walk = (shape: Shape, current: unknown, path: Path): unknown => {
    if (current === null || current === undefined) return undefined;
    if (shape.wrapped) return walk(shape.wrapped, current, path);
    if (shape.type === "array" && shape.item && Array.isArray(current)) {
      const { item } = shape;
      return current.map((one, index) => walk(item, one, [...path, index]));
    }
    if (shape.type === "record" && shape.value && isBlock(current)) {
      const inner = shape.value;
      return Object.fromEntries(Object.entries(current).map(([key, one]) => [key, walk(inner, one, [...path, key])]));
    }
    if (shape.type !== "object" || !shape.entries || !isBlock(current)) return current;
    const { entries } = shape;
    const names = Object.keys(entries);
    const aligned: Record<string, unknown> = {};
    for (const [key, one] of Object.entries(current)) {
      const name = Object.hasOwn(entries, key)
        ? key
        : anyCase
          ? names.find((candidate) => candidate.toLowerCase() === key.toLowerCase())
          : undefined;
      const next = name === undefined ? undefined : entries[name];
      if (name === undefined || next === undefined) unknown({ path: [...path, key], known: names });
      else aligned[name] = walk(next, one, [...path, key]);
    }
    return aligned;
  };
  return walk(schema as unknown as Shape, value, []);
}
