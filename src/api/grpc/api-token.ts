import { httpStatusError } from "../../errors/http-status-error.ts";
import type { GrpcInterceptor } from "./interceptor.ts";

const key = "dapr-api-token";

/** Lets calls pass that carry the token, and takes it off them. The comparison takes the same time for every wrong token of one length. */
export function createApiToken(token: string): GrpcInterceptor {
  return (info) => {
    const given = info.header(key);
    if (given === undefined) throw httpStatusError(401, "missing api token in request metadata");
    if (!isSame(given, token)) throw httpStatusError(401, "authentication error: api token mismatch");
    info.dropHeader(key);
    return undefined;
  };
}

function isSame(given: string, token: string): boolean {
  let difference = given.length ^ token.length;
  for (let at = 0; at < given.length; at++) {
    difference |= given.charCodeAt(at) ^ token.charCodeAt(at % (token.length || 1));
  }
  return difference === 0;
}
