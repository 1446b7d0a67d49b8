import { InvocationFailure } from "../../kit/invocation.ts";

/** Whom a call is for: an app by its id, or any URL. */
export type TargetName =
  | { readonly kind: "app"; readonly appId: string; readonly namespace: string }
  | { readonly kind: "url"; readonly url: string };

/** Reads `app`, `app.namespace` or an absolute URL; `namespace` is the caller's own, for the first form. Throws InvocationFailure. */
export function parseTarget(id: string, namespace: string): TargetName {
  if (id === "") throw new InvocationFailure(undefined, "app id is empty");
  if (id.startsWith("http://") || id.startsWith("https://")) return { kind: "url", url: id };
  const dot = id.indexOf(".");
  if (dot < 0) return { kind: "app", appId: id, namespace };
  if (id.indexOf(".", dot + 1) >= 0) throw new InvocationFailure(undefined, `invalid app id ${id}`);
  return { kind: "app", appId: id.slice(0, dot), namespace: id.slice(dot + 1) };
}

/** What a request on the HTTP API calls; undefined when it names no app. */
export interface CalledMethod {
  readonly id: string;
  readonly method: string;
}

const appIdHeader = "dapr-app-id";

/**
 * Finds app and method in a request's header `dapr-app-id`, in basic authentication with the user of that name, or in a path
 * `/v1.0/invoke/ID/method/NAME`; the first of them wins. `path` is escaped, as received.
 */
export function findCalled(path: string, header: (name: string) => string | null): CalledMethod | undefined {
  const named = firstOf(header(appIdHeader));
  if (named !== "") return { id: named, method: wholePath(path) };
  const basic = basicAppId(header("authorization"));
  if (basic === "") return undefined;
  if (basic !== undefined) return { id: basic, method: wholePath(path) };
  return fromPath(path);
}

/** Of a header that came more than once the first counts. */
function firstOf(header: string | null): string {
  if (header === null) return "";
  const comma = header.indexOf(", ");
  return comma < 0 ? header : header.slice(0, comma);
}

function fromPath(path: string): CalledMethod | undefined {
  const decoded = decodePath(path);
  const start = afterPrefix(decoded);
  if (start < 0) return undefined;
  const cut = decoded.indexOf("/method/", start);
  if (cut <= start) return undefined;
  const id = decoded.slice(start, cut);
  return { id: decodeQuery(id) || id, method: decoded.slice(cut + "/method/".length) };
}

/** Where the text behind `/v1.0/invoke/` begins, however many slashes there are; -1 without that prefix. */
function afterPrefix(path: string): number {
  if (path.startsWith("/v1.0/invoke/") && path.charCodeAt(13) !== 47) return 13;
  const match = /^\/*v1\.0\/+invoke\/+/.exec(path);
  return match === null ? -1 : match[0].length;
}

/** The method of the forms that name the app elsewhere. The domain cleans it. */
function wholePath(path: string): string {
  return decodePath(path).replace(/^\/+/, "");
}

function basicAppId(authorization: string | null): string | undefined {
  if (authorization === null || !authorization.startsWith("Basic ")) return undefined;
  let pair: string[];
  try {
    pair = atob(authorization.slice(6)).split(":");
  } catch {
    return undefined;
  }
  return pair.length === 2 && pair[0]?.toLowerCase() === appIdHeader ? pair[1] : undefined;
}

function decodePath(path: string): string {
  return path.includes("%") ? decodeEscapes(path) : path;
}

function decodeQuery(text: string): string {
  const spaced = text.replaceAll("+", " ");
  if (!spaced.includes("%")) return spaced;
  return /%(?![0-9a-fA-F]{2})/.test(spaced) ? "" : decodeEscapes(spaced);
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Every escape as its byte, all of it read as UTF-8. */
function decodeEscapes(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    const bytes: number[] = [];
    const source = new TextEncoder().encode(text);
    for (let at = 0; at < source.length; at++) {
      const hex = source[at] === 0x25 ? String.fromCharCode(...source.subarray(at + 1, at + 3)) : "";
      if (/^[0-9a-fA-F]{2}$/.test(hex)) {
        bytes.push(Number.parseInt(hex, 16));
        at += 2;
      } else bytes.push(source[at] as number);
    }
    return utf8.decode(Uint8Array.from(bytes));
  }
}
