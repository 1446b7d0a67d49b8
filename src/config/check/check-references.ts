import { suggest } from "../../kit/suggest.ts";
import type { SourceDocument } from "../document.ts";
import type { Finding } from "../finding.ts";
import { type Resource, resourceLogName } from "../resource/kind.ts";
import type { Subscription } from "../resource/subscription.ts";
import { createFinder, type Find } from "./finder.ts";

/** A resource with the document that it was read from. */
export interface CheckedResource {
  readonly resource: Resource;
  readonly document: SourceDocument;
}

function meet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === 0 || b.length === 0 || a.some((name) => b.includes(name));
}

function couldMeet(a: Resource, b: Resource): boolean {
  const sameNamespace = a.namespace === "" || b.namespace === "" || a.namespace === b.namespace;
  return a.kind === b.kind && a.name === b.name && sameNamespace && meet(a.scopes, b.scopes);
}

function checkDuplicates(all: readonly CheckedResource[], findings: Finding[]): void {
  const byName = new Map<string, CheckedResource[]>();
  for (const one of all) {
    if (one.resource.kind === "Resiliency" || one.resource.kind === "Configuration") continue;
    const key = `${one.resource.kind} ${one.resource.name}`;
    const earlier = byName.get(key) ?? [];
    const first = earlier.find((other) => couldMeet(other.resource, one.resource));
    if (first && one.resource.name !== "") {
      const message = `duplicate definition of ${one.resource.kind} name ${resourceLogName(one.resource)} with existing ${resourceLogName(first.resource)}`;
      const fix = `rename one of them, the first stands in ${first.document.file}:${first.document.line}`;
      createFinder(one.document, findings)("error", ["metadata", "name"], message, fix);
    }
    byName.set(key, [...earlier, one]);
  }
}

function checkSubscription(subscription: Subscription, pubsubs: readonly string[], find: Find): void {
  if (subscription.topic === "") find("error", ["spec", "topic"], "the subscription has no topic", "add spec.topic");
  if (subscription.rules.length === 0) {
    find("error", ["spec"], "the subscription has no route", "add spec.routes.default (spec.route in v1alpha1)");
  }
  const name = subscription.pubsubName;
  if (name === "") {
    find("error", ["spec", "pubsubname"], "the subscription names no pub/sub component", "add spec.pubsubname");
  } else if (!pubsubs.includes(name)) {
    const near = suggest(name, pubsubs);
    const fix =
      near === undefined
        ? "add the component, or a pub/sub of that name exists elsewhere"
        : `did you mean ${JSON.stringify(near)}?`;
    find("warning", ["spec", "pubsubname"], `no pub/sub component here is named ${JSON.stringify(name)}`, fix);
  }
}

/** Finds what only shows between resources: names given twice, and names that refer to nothing. */
export function checkReferences(all: readonly CheckedResource[], findings: Finding[]): void {
  checkDuplicates(all, findings);
  const components = all.flatMap(({ resource }) => (resource.kind === "Component" ? [resource] : []));
  const named = (category: string) =>
    components.filter(({ type }) => type.startsWith(`${category}.`)).map(({ name }) => name);
  const stores = named("secretstores");
  for (const { resource, document } of all) {
    const find = createFinder(document, findings);
    if (resource.kind === "Subscription") checkSubscription(resource, named("pubsub"), find);
    const store = resource.kind === "Component" || resource.kind === "HTTPEndpoint" ? resource.secretStore : "";
    if (store === "" || store === "kubernetes" || stores.includes(store)) continue;
    const near = suggest(store, stores);
    const fix = near === undefined ? "add the secret store" : `did you mean ${JSON.stringify(near)}?`;
    find("warning", ["auth", "secretStore"], `no secret store here is named ${JSON.stringify(store)}`, fix);
  }
}
