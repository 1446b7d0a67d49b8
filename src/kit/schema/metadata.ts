/** Kind of a metadata field, for docs and forms. */
export type FieldKind =
  | "text"
  | "secret"
  | "flag"
  | "integer"
  | "number"
  | "duration"
  | "seconds"
  | "bytes"
  | "choice"
  | "list"
  | "json";

/** One field of a component's metadata. Every value arrives as text; `parse` throws an Error that says what is wrong with it. */
export interface Field<T> {
  readonly kind: FieldKind;
  readonly isRequired: boolean;
  /** What the error says when a required field is missing; undefined gives the general sentence. */
  readonly missing: string | undefined;
  readonly fallback: T | undefined;
  readonly aliases: readonly string[];
  readonly text: string;
  readonly choices: readonly string[];
  parse(raw: string): T;
  /** A missing or empty value is an error; `missing` replaces the general sentence. */
  required(missing?: string): Field<NonNullable<T>>;
  default(value: NonNullable<T>): Field<NonNullable<T>>;
  alias(...names: string[]): Field<T>;
  help(text: string): Field<T>;
}
export type MetadataSchema = Readonly<Record<string, Field<unknown>>>;
/** What a schema decodes to. */
export type Decoded<S extends MetadataSchema> = { readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never };
