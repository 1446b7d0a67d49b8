import type { Decoded, Field, MetadataSchema } from "./metadata.ts";

/** Metadata that does not fit its schema; `property` is the schema's name of the field. */
export class MetadataError extends Error {
  readonly property: string;
  constructor(property: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "MetadataError";
    this.property = property;
  }
}

function byLowerCase(raw: ReadonlyMap<string, string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of raw) {
    const key = name.toLowerCase();
    if (found.has(key)) throw new MetadataError(name, `property ${JSON.stringify(name)} is given more than once`);
    found.set(key, value);
  }
  return found;
}

function rawValue(name: string, field: Field<unknown>, values: ReadonlyMap<string, string>): string | undefined {
  for (const key of [name, ...field.aliases]) {
    const value = values.get(key.toLowerCase());
    if (value !== undefined) return value;
  }
  return undefined;
}

function decodeField(name: string, field: Field<unknown>, raw: string | undefined): unknown {
  const isText = field.kind === "text" || field.kind === "secret";
  // An empty value of a number, duration or flag is what a template leaves behind: it counts as not given.
  if (raw === undefined || (raw.trim() === "" && (!isText || field.isRequired))) {
    if (!field.isRequired || field.fallback !== undefined) return field.fallback;
    throw new MetadataError(name, field.missing ?? `required property ${JSON.stringify(name)} is missing`);
  }
  try {
    return field.parse(raw);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const shown = field.kind === "secret" ? "the value is not valid" : why;
    throw new MetadataError(name, `property ${JSON.stringify(name)}: ${shown}`, { cause });
  }
}

/**
 * Reads raw metadata by its schema: names in any case, aliases after the name itself, defaults for what is absent.
 * Throws MetadataError with the property's name; properties that the schema does not know are ignored.
 */
export function decodeMetadata<S extends MetadataSchema>(schema: S, raw: ReadonlyMap<string, string>): Decoded<S> {
  const values = byLowerCase(raw);
  const decoded: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(schema))
    decoded[name] = decodeField(name, field, rawValue(name, field, values));
  return Object.freeze(decoded) as Decoded<S>;
}

/** The given names that neither a field nor an alias of the schema answers to. */
export function unknownProperties(schema: MetadataSchema, names: Iterable<string>): string[] {
  const known = new Set<string>();
  for (const [name, field] of Object.entries(schema)) {
    for (const key of [name, ...field.aliases]) known.add(key.toLowerCase());
  }
  return [...names].filter((name) => !known.has(name.toLowerCase()));
}
