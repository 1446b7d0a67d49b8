import { GoJsonError, goKind, goTypeError } from "./go-json.ts";
import { lazily } from "./lazily.ts";

/** Where in upstream's types a value stands: the struct it is a field of, and the way to it from the outermost one. */
interface Place {
  readonly struct: string;
  readonly path: string;
}

/**
 * Reads a decoded JSON value as a Go type would take it: null is the type's zero value, anything of another kind throws
 * GoJsonError in the words of Go's decoder.
 */
export type GoShape<T> = (value: unknown, place?: Place) => T;

function mismatch(value: unknown, type: string, place: Place | undefined): GoJsonError {
  return goTypeError(value, type, place && `${place.struct}.${place.path}`);
}

const text: GoShape<string> = (value, place) => {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  throw mismatch(value, "string", place);
};

const optionalText: GoShape<string | null> = (value, place) =>
  value === null || value === undefined ? null : text(value, place);

const integer: GoShape<number> = (value, place) => {
  if (value === null || value === undefined) return 0;
  if (Number.isSafeInteger(value)) return value as number;
  if (typeof value !== "number") throw mismatch(value, "int", place);
  const into = place === undefined ? "Go value" : `Go struct field ${place.struct}.${place.path}`;
  throw new GoJsonError(`json: cannot unmarshal number ${value} into ${into} of type int`);
};

const flag: GoShape<boolean> = (value, place) => {
  if (typeof value === "boolean") return value;
  if (value === null || value === undefined) return false;
  throw mismatch(value, "bool", place);
};

const anything: GoShape<unknown> = (value) => value ?? null;

/** A map, or null; `type` is the Go name of the whole, for example `map[string]string`. */
function map<T>(type: string, of: GoShape<T>): GoShape<Readonly<Record<string, T>> | null> {
  return (value, place) => {
    if (value === null || value === undefined) return null;
    if (goKind(value) !== "object") throw mismatch(value, type, place);
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, of(member, place)]));
  };
}

/** A slice, or null; `type` is the Go name of the whole. */
function list<T>(type: string, of: GoShape<T>): GoShape<readonly T[] | null> {
  return (value, place) => {
    if (value === null || value === undefined) return null;
    if (!Array.isArray(value)) throw mismatch(value, type, place);
    return value.map((member) => of(member, place));
  };
}

/** A name without regard to case, in the way in which Go compares field names. */
export function foldGoName(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** A struct; `type` is its Go name with package. Field names match without case, an exact match wins; others are ignored. */
function struct<T extends object>(type: string, fields: { readonly [K in keyof T]: GoShape<T[K]> }): GoShape<T> {
  const short = type.slice(type.lastIndexOf(".") + 1);
  // Shapes stand at the top of modules; their tables wait for the first value, because the start is measured.
  const tables = lazily(() => {
    const shapes = new Map(Object.entries(fields) as [string, GoShape<unknown>][]);
    return {
      shapes,
      folded: new Map([...shapes.keys()].map((name) => [foldGoName(name), name])),
      zero: Object.freeze(Object.fromEntries([...shapes].map(([name, shape]) => [name, shape(null)]))),
      top: new Map([...shapes.keys()].map((name) => [name, { struct: short, path: name }])),
    };
  });
  return (value, place) => {
    const { shapes, folded, zero, top } = tables();
    if (value === null || value === undefined) return zero as T;
    if (goKind(value) !== "object") throw mismatch(value, type, place);
    const result: Record<string, unknown> = { ...zero };
    for (const key of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[key];
      const name = shapes.has(key) ? key : folded.get(foldGoName(key));
      if (name === undefined || member === null) continue;
      const within = place === undefined ? top.get(name)! : { struct: short, path: `${place.path}.${name}` };
      result[name] = shapes.get(name)!(member, within);
    }
    return result as T;
  };
}

/** The kinds of shapes. */
export const goShape = Object.freeze({ text, optionalText, integer, flag, anything, map, list, struct });

/** Reads a decoded JSON value by its shape. */
export function decodeGoShape<T>(value: unknown, shape: GoShape<T>): T {
  return shape(value);
}
