import { encodeUtf8 } from "../../kit/bytes.ts";
import { goQuote } from "../../kit/go-quote.ts";
import { InvocationFailure } from "../../kit/invocation.ts";
import { cleanPath } from "../../kit/url-path.ts";

const invalidArgument = 3;
const plain = /^[A-Za-z0-9_~-][A-Za-z0-9_~./-]*$/;
const loose = /(?:^|\/)\.{0,2}(?:\/|$)/;
const forbidden = /[#?\0]/;

/**
 * The method as access rules and apps see it: dot segments and double slashes resolved, leading `../` and a trailing slash gone.
 * Throws InvocationFailure (InvalidArgument) on characters that could change the meaning of a URL.
 */
export function normalizeMethod(method: string): string {
  const relative = method.charCodeAt(0) === 0x2f ? method.slice(1) : method;
  if (plain.test(relative) && !loose.test(relative)) return method;
  if (forbidden.test(method)) {
    throw new InvocationFailure(
      invalidArgument,
      `invalid method: method contains forbidden character: ${goQuote(method)}`,
    );
  }
  for (let at = 0; at < method.length; at++) {
    const code = method.charCodeAt(at);
    if (code >= 0x20 && code !== 0x7f) continue;
    const place = encodeUtf8(method.slice(0, at)).length;
    throw new InvocationFailure(
      invalidArgument,
      `invalid method: method contains control character at position ${place}: ${goQuote(method)}`,
    );
  }
  let clean = cleanPath(method);
  while (clean.startsWith("../")) clean = clean.slice(3);
  return clean === ".." || clean === "." ? "" : clean;
}
