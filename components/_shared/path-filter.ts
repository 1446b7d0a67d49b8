import { DriverError } from "../../src/driver/errors.ts";
import { compileGoRegexp } from "../../src/kit/go-regexp.ts";
import { decodePath } from "./go-url.ts";

/** Whether an escaped path is one that a `pathFilter` names; an empty filter names all. Throws a DriverError when it is no regular expression. */
export function createPathFilter(filter: string): (path: string) => boolean {
  if (filter === "") return () => true;
  let pattern: RegExp;
  try {
    pattern = compileGoRegexp(filter);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DriverError("badMetadata", `Parameter 'pathFilter' is not a valid regex: ${why}`, { cause });
  }
  return (path) => pattern.test(decodePath(path));
}
