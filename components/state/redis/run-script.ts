import { encodeUtf8 } from "../../../src/kit/bytes.ts";
import { type RedisArgument, type RedisReply, RedisReplyError } from "../../_shared/redis-client.ts";
import type { RedisConnection } from "../../_shared/redis-connection.ts";

/** Runs one Lua script. */
export type RunScript = (
  keys: readonly string[],
  args: readonly RedisArgument[],
  options: { readonly isRead?: boolean; readonly signal?: AbortSignal },
) => Promise<RedisReply>;

/** Prepares a script. Its text travels only to servers that do not know it yet. */
export async function createScript(redis: RedisConnection, text: string): Promise<RunScript> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", encodeUtf8(text)));
  const name = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return async (keys, args, { isRead, signal }) => {
    const rest = [keys.length, ...keys, ...args];
    const route = { key: keys[0], isRead };
    try {
      return await redis.send({ ...route, args: ["EVALSHA", name, ...rest] }, signal);
    } catch (error) {
      if (!(error instanceof RedisReplyError) || !error.message.startsWith("NOSCRIPT")) throw error;
      return redis.send({ ...route, args: ["EVAL", text, ...rest] }, signal);
    }
  };
}
