import { emptyAnswer, textError } from "./answer.ts";
import { cleanPath } from "./clean-path.ts";
import type { Fallback, Route } from "./route.ts";
import { createRouter } from "./router.ts";

/** compat: what the public listener, and one that may not invoke apps, answers where no route fits: 405 for another verb of a known path, else a plain 404; nothing is invoked from there. */
export function createPublicFallback(routes: readonly Route[]): Fallback {
  const router = createRouter(routes);
  const verbs = [...new Set(routes.flatMap((route) => route.methods))];
  return {
    handle(request) {
      const path = cleanPath(request.path);
      const allowed = verbs.filter((verb) => router.find(verb, path, []) !== undefined);
      if (allowed.length === 0) return textError(404, "404 page not found");
      return emptyAnswer(405, { allow: allowed.join(", ") });
    },
  };
}
