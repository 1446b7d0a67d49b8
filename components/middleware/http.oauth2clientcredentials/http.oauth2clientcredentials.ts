import { defineHttpMiddleware } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { parseQuery } from "../../_shared/go-url.ts";
import { refusal, withHeader } from "../../_shared/http-answers.ts";
import { type AccessToken, type AuthStyle, createTokenClient } from "../../_shared/oauth-token.ts";
import { createPathFilter } from "../../_shared/path-filter.ts";

const styles: readonly AuthStyle[] = ["detect", "params", "header"];

interface Settings {
  readonly headerName: string;
  readonly clientID: string;
  readonly clientSecret: string;
  readonly scopes: string;
  readonly tokenURL: string;
  readonly authStyle: number;
  readonly pathFilter: string;
}

/** Throws a DriverError that names all that is wrong at once. */
function checked(settings: Settings): (path: string) => boolean {
  let faults = "";
  for (const name of ["headerName", "clientID", "clientSecret", "scopes", "tokenURL"] as const)
    if (settings[name] === "") faults += `Parameter '${name}' needs to be set. `;
  let filter = (_path: string): boolean => true;
  try {
    filter = createPathFilter(settings.pathFilter);
  } catch (error) {
    faults += `${(error as Error).message}. `;
  }
  if (styles[settings.authStyle] === undefined)
    faults += `Parameter 'authStyle' can only have the values 0,1,2. Received: '${settings.authStyle}'. `;
  if (faults !== "") throw new DriverError("badMetadata", `metadata errors: ${faults}`);
  return filter;
}

/** What is sent to the token endpoint. Throws a DriverError when the extra parameters say `scope` once more. */
function parameters(scopes: string, extra: string): [string, string][] {
  const more = parseQuery(extra);
  if (more.some(([name]) => name === "scope"))
    throw new DriverError("badMetadata", 'metadata errors: endpointParamsQuery cannot overwrite parameter "scope"');
  const grant: [string, string][] = more.some(([name]) => name === "grant_type")
    ? []
    : [["grant_type", "client_credentials"]];
  return [...grant, ["scope", scopes.split(",").join(" ")], ...more];
}

export default defineHttpMiddleware({
  type: "middleware.http.oauth2clientcredentials",
  versions: ["v1"],
  status: "alpha",
  summary: "Adds a token that it gets with client credentials to requests",
  metadata: {
    headerName: m.text().default("").help("Required. Header that gets the token"),
    clientID: m.text().default("").help("Required. Id of the client"),
    clientSecret: m.secret().default("").help("Required. Secret of the client"),
    scopes: m.text().default("").help("Required. Scopes to ask for, between commas"),
    tokenURL: m.text().default("").help("Required. Token endpoint of the provider"),
    endpointParamsQuery: m.text().default("").help("More parameters for the token endpoint, as a query"),
    authStyle: m.integer().default(0).help("How the secret is shown: 0 finds it out, 1 as parameter, 2 as header"),
    pathFilter: m.text().default("").help("Regular expression; other paths pass as they are"),
  },
  async open(metadata, { clock, log }) {
    const filter = checked(metadata);
    const pairs = parameters(metadata.scopes, metadata.endpointParamsQuery);
    const getToken = createTokenClient({ ...metadata, authStyle: styles[metadata.authStyle] ?? "detect", clock });
    let token: AccessToken | undefined;
    let asking: Promise<AccessToken> | undefined;

    /** One request for all who wait. */
    function renew(): Promise<AccessToken> {
      asking ??= getToken(pairs)
        .then((got) => {
          token = got;
          return got;
        })
        .finally(() => {
          asking = undefined;
        });
      return asking;
    }

    return {
      async handle(request, next) {
        if (!filter(request.path)) return next(request);
        const isFresh = token !== undefined && (token.expiresAt === undefined || clock.now() < token.expiresAt);
        let value: string;
        try {
          value = (isFresh && token !== undefined ? token : await renew()).value;
        } catch (error) {
          log.error(`Error acquiring token: ${error instanceof Error ? error.message : String(error)}`);
          return refusal(500);
        }
        return next({ ...request, headers: withHeader(request.headers, metadata.headerName, value) });
      },
      async close() {},
    };
  },
});
