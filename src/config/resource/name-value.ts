import * as v from "valibot";
import { lazily } from "../../kit/lazily.ts";
import { field } from "../schema-field.ts";

export interface SecretReference {
  readonly name: string;
  /** Key within the secret; the secret's name when none is given. */
  readonly key: string;
}
/** A named value of a component, endpoint or exporter: given as it is, or where to take it from. */
export interface NameValue {
  readonly name: string;
  /** undefined when no value is given. */
  readonly value: string | undefined;
  readonly secretKeyRef: SecretReference | undefined;
  /** Name of an environment variable. It counts only where there is no value. */
  readonly envRef: string | undefined;
}

export const secretReferenceSchema = lazily(() =>
  v.pipe(
    v.object({ name: field.text(), key: field.text() }),
    v.transform((found): SecretReference | undefined =>
      found.name === "" ? undefined : { name: found.name, key: found.key === "" ? found.name : found.key },
    ),
  ),
);

export const nameValueSchema = lazily(() =>
  v.pipe(
    v.object({
      name: field.text(),
      value: field.dynamic(),
      secretKeyRef: v.optional(secretReferenceSchema()),
      envRef: field.maybeText(),
    }),
    v.transform(
      (found): NameValue => ({
        name: found.name,
        value: found.value,
        secretKeyRef: found.secretKeyRef,
        envRef: found.envRef === "" ? undefined : found.envRef,
      }),
    ),
  ),
);
