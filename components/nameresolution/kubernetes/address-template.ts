import { DriverError } from "../../../src/driver/errors.ts";
import type { ResolveRequest } from "../../../src/driver/nameresolution.ts";

type Part = (request: ResolveRequest) => string;

const values: Readonly<Record<string, Part>> = {
  ".ID": ({ appId }) => appId,
  ".Namespace": ({ namespace }) => namespace,
  ".Port": ({ port }) => String(port),
};
const action = /\{\{(-\s)?\s*([\s\S]*?)\s*(\s-)?\}\}/g;
const ofData = /^(?:\.Data\.([A-Za-z_]\w*)|index\s+\.Data\s+"([^"\\]*)")$/;

/** An address from a request, by the forms of Go's templates that addresses need. Throws DriverError for any other. */
export function addressTemplate(text: string): (request: ResolveRequest) => string {
  const parts: Part[] = [];
  let at = 0;
  let trimsNext = false;
  const literal = (end: number, trimsEnd: boolean): void => {
    let found = text.slice(at, end);
    if (trimsNext) found = found.trimStart();
    if (trimsEnd) found = found.trimEnd();
    parts.push(() => found);
  };
  for (const match of text.matchAll(action)) {
    const [whole, left, name = "", right] = match;
    literal(match.index, left !== undefined);
    parts.push(partOf(name));
    at = match.index + whole.length;
    trimsNext = right !== undefined;
  }
  if (text.slice(at).includes("{{")) {
    throw new DriverError("badMetadata", `template ${JSON.stringify(text)} has a {{ that nothing closes`);
  }
  literal(text.length, false);
  return (request) => parts.map((part) => part(request)).join("");
}

function partOf(name: string): Part {
  if (Object.hasOwn(values, name)) return values[name] as Part;
  const data = ofData.exec(name);
  if (data === null) {
    throw new DriverError(
      "badMetadata",
      `template action {{${name}}} is not served: use .ID, .Namespace, .Port, .Data.NAME or index .Data "NAME"`,
    );
  }
  const key = data[1] ?? data[2] ?? "";
  return ({ data: found }) => (Object.hasOwn(found, key) ? (found[key] ?? "") : "");
}
