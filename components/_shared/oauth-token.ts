import { encodeBase64 } from "../../src/kit/base64.ts";
import type { Clock } from "../../src/kit/clock.ts";
import { fetchWithin } from "./fetch-within.ts";
import { encodeQuery, encodeQueryText, parseQuery } from "./go-url.ts";

/** How a client shows its secret: found out by trying, among the parameters, or in the Authorization header. */
export type AuthStyle = "detect" | "params" | "header";

export interface TokenClient {
  readonly clientID: string;
  readonly clientSecret: string;
  readonly tokenURL: string;
  readonly authStyle: AuthStyle;
  readonly clock: Clock;
}

export interface AccessToken {
  /** What goes into a header: type and token. */
  readonly value: string;
  /** Epoch milliseconds; undefined when the provider gives no end. */
  readonly expiresAt: number | undefined;
}

const requestMs = 30_000;
const spelled: Readonly<Record<string, string>> = { bearer: "Bearer", mac: "MAC", basic: "Basic", "": "Bearer" };
const utf8 = new TextEncoder();

/** Gets tokens from a token endpoint (RFC 6749) with the given parameters. Rejects with an Error that tells why there is none, without secrets. */
export function createTokenClient(client: TokenClient) {
  const { clientID, clientSecret, tokenURL, clock } = client;
  let known: AuthStyle = client.authStyle;

  async function ask(given: readonly (readonly [string, string])[], style: AuthStyle): Promise<AccessToken> {
    const headers: Record<string, string> = { "content-type": "application/x-www-form-urlencoded" };
    let pairs = given;
    if (style === "params") {
      const own = [["client_id", clientID] as const, ["client_secret", clientSecret] as const].filter(
        ([, it]) => it !== "",
      );
      pairs = [...given.filter(([name]) => !own.some(([mine]) => mine === name)), ...own];
    } else {
      const pair = `${encodeQueryText(clientID)}:${encodeQueryText(clientSecret)}`;
      headers["authorization"] = `Basic ${encodeBase64(utf8.encode(pair))}`;
    }
    const answer = await fetchWithin(
      tokenURL,
      { method: "POST", headers, body: encodeQuery(pairs) },
      { clock, ms: requestMs },
    );
    return readToken(answer, clock.now());
  }

  return async (pairs: readonly (readonly [string, string])[]): Promise<AccessToken> => {
    if (known !== "detect") return ask(pairs, known);
    let token: AccessToken;
    try {
      token = await ask(pairs, "header");
      known = "header";
    } catch {
      // Providers differ in which form they take, and in how they say no to the other.
      token = await ask(pairs, "params");
      known = "params";
    }
    return token;
  };
}

function readToken(
  answer: { readonly status: number; readonly headers: Headers; readonly text: string },
  now: number,
): AccessToken {
  const { status, text } = answer;
  const type = (answer.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  const isForm = type === "application/x-www-form-urlencoded" || type === "text/plain";
  let fields: Readonly<Record<string, unknown>> = {};
  try {
    fields = isForm ? Object.fromEntries(parseQuery(text).reverse()) : (JSON.parse(text) as typeof fields);
  } catch (cause) {
    if (status >= 200 && status <= 299) throw new Error("the token endpoint's answer is not JSON", { cause });
  }
  const field = (name: string): string => {
    const value = fields?.[name];
    return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
  };
  if (status < 200 || status > 299 || field("error") !== "") {
    const told = [field("error"), field("error_description")].filter((part) => part !== "").map((part) => `"${part}"`);
    throw new Error(`the token endpoint answered with status ${[status, ...told].join(" ")}`);
  }
  const token = field("access_token");
  if (token === "") throw new Error("the token endpoint's answer has no access_token");
  const kind = field("token_type");
  const seconds = Math.min(Number(field("expires_in")) || 0, 2 ** 31 - 1);
  return {
    value: `${spelled[kind.toLowerCase()] ?? kind} ${token}`,
    expiresAt: seconds === 0 ? undefined : now + seconds * 1000,
  };
}
