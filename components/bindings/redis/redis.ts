import type { BindingRequest } from "../../../src/driver/bindings.ts";
import { defineBinding } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { RedisArgument, RedisReply } from "../../_shared/redis-client.ts";
import { messageOf, openRedis } from "../../_shared/redis-connection.ts";
import { readRedisSettings, redisFields } from "../../_shared/redis-settings.ts";
import { readLifetime } from "./lifetime.ts";

const nothing = new Uint8Array();

function bytesOf(reply: RedisReply): Uint8Array {
  if (reply === null) return nothing;
  if (reply instanceof Uint8Array) return new Uint8Array(reply.buffer, reply.byteOffset, reply.byteLength);
  return new TextEncoder().encode(String(reply));
}

export default defineBinding({
  type: "bindings.redis",
  versions: ["v1"],
  status: "stable",
  summary: "Output: create, get, delete and increment keys of Redis",
  directions: ["output"],
  metadata: redisFields(0),
  async open(metadata, context) {
    const redis = await openRedis(readRedisSettings(metadata, 0), context, "redis binding");

    async function run(key: string, signal: AbortSignal, isRepeatable: boolean, ...args: RedisArgument[]) {
      try {
        return await redis.send({ args, key, isRead: isRepeatable }, signal);
      } catch (cause) {
        if (DriverError.is(cause)) throw cause;
        throw new DriverError("failed", messageOf(cause), { cause });
      }
    }

    async function create({ data, metadata: given }: BindingRequest, key: string, signal: AbortSignal) {
      const lifetimeMs = readLifetime(given);
      const lifetime = lifetimeMs === undefined || lifetimeMs === 0 ? [] : ["PX", lifetimeMs];
      await run(key, signal, true, "SET", key, data, ...lifetime);
      if (lifetimeMs === 0) await run(key, signal, true, "DEL", key);
    }

    async function increment({ metadata: given }: BindingRequest, key: string, signal: AbortSignal) {
      const lifetimeMs = readLifetime(given);
      await run(key, signal, false, "INCR", key);
      if (lifetimeMs !== undefined) await run(key, signal, true, "PEXPIRE", key, lifetimeMs);
    }

    return {
      operations: ["create", "delete", "get", "increment"],
      async invoke(request, signal) {
        const key = request.metadata["key"] ?? "";
        if (key === "") throw new DriverError("badRequest", "redis binding: missing key in request metadata");
        switch (request.operation) {
          case "create":
            await create(request, key, signal);
            return null;
          case "increment":
            await increment(request, key, signal);
            return null;
          case "delete":
            await run(key, signal, true, "DEL", key);
            return null;
          case "get": {
            const isLast = request.metadata["delete"] === "true";
            return { data: bytesOf(await run(key, signal, !isLast, isLast ? "GETDEL" : "GET", key)), metadata: {} };
          }
          default:
            throw new DriverError("unsupported", `invalid operation type: ${request.operation}`);
        }
      },
      async close() {
        redis.close();
      },
    };
  },
});
