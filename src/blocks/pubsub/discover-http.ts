import type { HttpAppChannel } from "../../kit/app-channel.ts";
import { decodeGoJson, GoJsonError } from "../../kit/go-json.ts";
import { decodeGoShape, goShape } from "../../kit/go-shape.ts";
import { readReply } from "./http-reply.ts";
import type { RoutingRule, SubscriptionSpec } from "./model.ts";
import type { PubSubLog } from "./ports.ts";

const ruleShape = goShape.struct("pubsub.RuleJSON", { match: goShape.text, path: goShape.text });
const subscriptionsShape = goShape.list(
  "[]pubsub.SubscriptionJSON",
  goShape.struct("pubsub.SubscriptionJSON", {
    pubsubname: goShape.text,
    topic: goShape.text,
    deadLetterTopic: goShape.text,
    metadata: goShape.map("map[string]string", goShape.text),
    route: goShape.text,
    routes: goShape.struct("pubsub.RoutesJSON", {
      rules: goShape.list("[]*pubsub.RuleJSON", ruleShape),
      default: goShape.text,
    }),
    bulkSubscribe: goShape.struct("pubsub.BulkSubscribeJSON", {
      enabled: goShape.flag,
      maxMessagesCount: goShape.integer,
      maxAwaitDurationMs: goShape.integer,
    }),
  }),
);

/** The subscriptions of an app's answer. Throws GoJsonError. */
export function readSubscriptions(body: Uint8Array, log: PubSubLog): readonly SubscriptionSpec[] {
  const given = body.length === 0 ? [] : (decodeGoShape(decodeGoJson(body), subscriptionsShape) ?? []);
  return given.flatMap(({ pubsubname, topic, deadLetterTopic, metadata, route, routes, bulkSubscribe }) => {
    const rules: RoutingRule[] = [...(routes.rules ?? [])];
    const fallback = routes.default || route;
    if (fallback !== "") rules.push({ match: "", path: fallback });
    if (rules.length === 0) {
      log.warn(`topic ${topic} has an empty routes. removing from subscriptions list`);
      return [];
    }
    return [{ pubsubName: pubsubname, topic, deadLetterTopic, metadata: metadata ?? {}, rules, bulkSubscribe }];
  });
}

/** Asks an app that speaks HTTP for its subscriptions; 404 means none, any other refusal is logged. */
export async function discoverHttp(
  channel: HttpAppChannel,
  appId: string,
  log: PubSubLog,
  signal: AbortSignal,
): Promise<readonly SubscriptionSpec[]> {
  const headers: [string, string][] = [["Content-Type", "application/json"]];
  if (appId !== "") headers.push(["Dapr-App-Id", appId]);
  const call = { method: "GET", path: "/dapr/subscribe", query: "", headers, body: null };
  const reply = await channel.call(call, signal);
  const body = await readReply(reply);
  if (reply.status === 404) {
    log.debug("user app did not subscribe to any topic");
    return [];
  }
  if (reply.status !== 200) {
    log.error(`app returned http status code ${reply.status} from subscription endpoint`);
    return [];
  }
  try {
    return readSubscriptions(body, log);
  } catch (error) {
    if (!(error instanceof GoJsonError)) throw error;
    log.error(`error getting topics from app: ${error.message}`);
    return [];
  }
}
