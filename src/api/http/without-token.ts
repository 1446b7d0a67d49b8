import type { HeaderView } from "../../platform/types.ts";
import { tokenHeader } from "../../security/token.ts";

/** The same headers without the API token; repeated lines stay apart, as a copy in `Headers` would not leave them. */
export function withoutToken(headers: HeaderView): HeaderView {
  const isHidden = (name: string): boolean => name.toLowerCase() === tokenHeader;
  return {
    get: (name) => (isHidden(name) ? null : headers.get(name)),
    has: (name) => !isHidden(name) && headers.has(name),
    forEach: (visit) =>
      headers.forEach((value, name) => {
        if (!isHidden(name)) visit(value, name);
      }),
  };
}
