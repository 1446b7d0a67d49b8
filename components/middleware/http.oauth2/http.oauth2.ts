import { defineHttpMiddleware } from "../../../src/driver/define-driver.ts";
import type { MiddlewareRequest } from "../../../src/driver/middleware.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { encodeQuery, parseQuery } from "../../_shared/go-url.ts";
import { addHeaders, redirectTo, refusal, withHeader } from "../../_shared/http-answers.ts";
import { createTokenClient } from "../../_shared/oauth-token.ts";
import { createPathFilter } from "../../_shared/path-filter.ts";
import { createSessions } from "./sessions.ts";

/** Where a request came from, to go back there; with `https` in front when that is asked for. */
function originalUrl(request: MiddlewareRequest, forcesHttps: boolean): string {
  // Two slashes in front would name another host.
  const path = request.path.replace(/^[/\\]+/, "/");
  const target = request.query === "" ? path : `${path}?${request.query}`;
  const host = request.headers.get("host");
  return forcesHttps && host !== null ? `https://${host}${target}` : target;
}

export default defineHttpMiddleware({
  type: "middleware.http.oauth2",
  versions: ["v1"],
  status: "alpha",
  summary: "Signs callers in at an OAuth 2 provider and adds their token to requests",
  metadata: {
    clientID: m.text().default("").help("Id of the client at the provider"),
    clientSecret: m.secret().default("").help("Secret of the client"),
    scopes: m.text().default("").help("Scopes to ask for, between commas"),
    authURL: m.text().default("").help("Where callers sign in"),
    tokenURL: m.text().default("").help("Token endpoint of the provider"),
    redirectURL: m.text().default("").help("Where the provider sends callers back to"),
    authHeaderName: m.text().default("Authorization").help("Header that gets the token"),
    forceHTTPS: m.flag().default(false).help("Send callers back to https, and the cookie only there"),
    pathFilter: m.text().default("").help("Regular expression; other paths pass as they are"),
  },
  async open(metadata, { clock, random, log }) {
    const { clientID, redirectURL, authHeaderName, authURL, forceHTTPS } = metadata;
    const filter = createPathFilter(metadata.pathFilter);
    const getToken = createTokenClient({ ...metadata, authStyle: "detect", clock });
    const sessions = createSessions({ clock, random, isSecure: forceHTTPS });

    function signInUrl(state: string): string {
      const pairs = { access_type: "offline", client_id: clientID, response_type: "code", state };
      const more = { redirect_uri: redirectURL, scope: metadata.scopes.split(",").join(" ") };
      const query = encodeQuery([
        ...Object.entries(pairs),
        ...Object.entries(more).filter(([, value]) => value !== ""),
      ]);
      return `${authURL}${authURL.includes("?") ? "&" : "?"}${query}`;
    }

    return {
      async handle(request, next) {
        if (!filter(request.path)) return next(request);
        const session = sessions.find(request.headers.get("cookie"));
        const token = session?.token;
        if (token !== undefined)
          return next({ ...request, headers: withHeader(request.headers, authHeaderName, token) });

        const query = new Map(parseQuery(request.query).reverse());
        const state = query.get("state") ?? "";
        if (state === "") {
          const wanted = random.uuid();
          const cookie = sessions.begin(session, wanted, originalUrl(request, forceHTTPS));
          return addHeaders(redirectTo(signInUrl(wanted)), cookie);
        }
        if (session === undefined || session.wanted.size === 0) {
          log.error("A caller came back from the provider who was not sent there");
          return refusal(500);
        }
        const back = session.wanted.get(state);
        if (back === undefined) return refusal(400, "invalid state");
        const code = query.get("code") ?? "";
        if (code === "") return refusal(400, "code not found");
        const pairs: [string, string][] = [
          ["grant_type", "authorization_code"],
          ["code", code],
        ];
        if (redirectURL !== "") pairs.push(["redirect_uri", redirectURL]);
        try {
          const { value } = await getToken(pairs);
          return addHeaders(redirectTo(back), sessions.signIn(session, value));
        } catch (error) {
          log.error(`Failed to exchange token: ${error instanceof Error ? error.message : String(error)}`);
          return refusal(500);
        }
      },
      async close() {
        sessions.clear();
      },
    };
  },
});
