import { firstTokenMatches, tokenHeader } from "../../security/token.ts";
import { cleanPath } from "./clean-path.ts";
import type { ApiRequest } from "./request.ts";
import type { Route } from "./route.ts";

/**
 * Decides whether a request shows the API token or needs none; handlers do not see the token afterwards.
 * compat: routes marked open are open for their own verbs only, and unknown paths are guarded too.
 */
export function createTokenGate(token: string, routes: readonly Route[]): (request: ApiRequest) => boolean {
  if (token === "") return () => true;
  const open = new Set(
    routes
      .filter((route) => route.isOpen === true)
      .flatMap((route) => route.methods.map((method) => `${method} /${route.version}${route.path}`)),
  );
  return (request) => {
    const given = request.raw.headers.get(tokenHeader);
    if (given !== null) request.hidesToken = true;
    return firstTokenMatches(token, given) || open.has(`${request.method} ${cleanPath(request.path)}`);
  };
}
