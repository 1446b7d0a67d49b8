import type { Driver } from "../../driver/define.ts";
import { parseDuration } from "../../kit/duration.ts";
import { unknownProperties } from "../../kit/schema/decode.ts";
import { suggest } from "../../kit/suggest.ts";
import { readEnvReference } from "../env.ts";
import type { Component } from "../resource/component.ts";
import type { Find } from "./finder.ts";

/** What a component's type is looked up in. */
export interface DriverLookup {
  /** Types of all drivers of this build. */
  readonly types: readonly string[];
  /** What is served on sockets, in small letters: the part of a type behind its category. */
  readonly pluggable: ReadonlySet<string>;
  /** The driver that answers to the type, also by an alias. */
  find(type: string): Promise<Driver | undefined>;
}

// Read by the runtime for every component of the category, so no driver's schema lists them.
const runtimeProperties: Readonly<Record<string, readonly string[]>> = {
  state: [
    "keyPrefix",
    "actorStateStore",
    "primaryEncryptionKey",
    "secondaryEncryptionKey",
    "outboxPublishPubsub",
    "outboxPublishTopic",
    "outboxPubsub",
    "outboxDiscardWhenMissingState",
    "enableQuery",
  ],
  pubsub: ["consumerID", "allowedTopics", "publishingScopes", "subscriptionScopes", "protectedTopics"],
  bindings: ["direction", "route"],
};

function checkType(component: Component, lookup: DriverLookup, find: Find): void {
  const { type } = component;
  // The Configuration chooses name resolvers, no Component does.
  const types = lookup.types.filter((known) => !known.startsWith("nameresolution."));
  const category = type.split(".")[0] ?? "";
  if (lookup.pluggable.has(type.slice(category.length + 1).toLowerCase())) return;
  const near = suggest(type, types);
  const siblings = types.filter((known) => known.startsWith(`${category}.`));
  const fix =
    near !== undefined
      ? `did you mean ${JSON.stringify(near)}?`
      : siblings.length > 0
        ? `known here: ${siblings.join(", ")}, and pluggable ones whose sockets are there`
        : `known categories: ${[...new Set(types.map((known) => known.split(".")[0]))].join(", ")}`;
  find("error", ["spec", "type"], `unknown component type ${JSON.stringify(type)}`, fix);
}

function checkVersion(component: Component, driver: Driver, find: Find): void {
  const version = ["", "v0"].includes(component.version) ? "v1" : component.version;
  if (driver.versions.includes(version)) return;
  const message = `${component.type} has no version ${JSON.stringify(component.version)}`;
  find("error", ["spec", "version"], message, `known: ${driver.versions.join(", ")}`);
}

function checkItems(component: Component, find: Find): void {
  const seen = new Set<string>();
  component.metadata.forEach((item, index) => {
    const at = ["spec", "metadata", index] as const;
    const key = item.name.toLowerCase();
    if (item.name === "") find("error", at, "has no name", "add a name");
    else if (seen.has(key)) {
      find("error", [...at, "name"], `${JSON.stringify(item.name)} is given more than once`, "keep one of them");
    }
    seen.add(key);
    if (item.secretKeyRef && component.secretStore === "") {
      find("error", [...at, "secretKeyRef"], "refers to a secret, but no store is named", "add auth.secretStore");
    }
    if (item.envRef !== undefined && readEnvReference({}, item.envRef) === null) {
      const message = `the variable ${JSON.stringify(item.envRef)} is not open to components`;
      find("error", [...at, "envRef"], message, "use another variable");
    }
    if (item.name !== "" && item.value === undefined && !item.secretKeyRef && item.envRef === undefined) {
      find("warning", at, `${JSON.stringify(item.name)} has no value`, "add a value, a secretKeyRef or an envRef");
    }
  });
}

function checkMetadata(component: Component, driver: Driver, find: Find): void {
  const { metadata: items } = component;
  const always = runtimeProperties[driver.category] ?? [];
  const names = Object.keys(driver.metadata);
  const unknown = new Set(
    unknownProperties(
      driver.metadata,
      items.map((item) => item.name),
    ),
  );
  items.forEach((item, index) => {
    if (!unknown.has(item.name) || item.name === "") return;
    if (always.some((name) => name.toLowerCase() === item.name.toLowerCase())) return;
    const near = suggest(item.name, [...names, ...always]);
    const message = `${component.type} does not know ${JSON.stringify(item.name)}`;
    const fix =
      near === undefined ? `known: ${names.join(", ") || "nothing"}` : `did you mean ${JSON.stringify(near)}?`;
    find("warning", ["spec", "metadata", index, "name"], message, fix);
  });
  for (const [name, field] of Object.entries(driver.metadata)) {
    const keys = [name, ...field.aliases].map((key) => key.toLowerCase());
    const index = items.findIndex((item) => keys.includes(item.name.toLowerCase()));
    const item = items[index];
    const isText = field.kind === "text" || field.kind === "secret";
    const isElsewhere = item?.secretKeyRef !== undefined || (item?.value === undefined && item?.envRef !== undefined);
    const value = item?.value ?? "";
    if (isElsewhere || value.includes("{")) continue;
    if (value.trim() === "") {
      if (!field.isRequired || field.fallback !== undefined) continue;
      const message = `${component.type} needs ${JSON.stringify(name)}`;
      find("error", ["spec", "metadata"], message, field.text === "" ? "add it" : `add it: ${field.text}`);
    } else if (!isText) {
      try {
        field.parse(value);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        find("error", ["spec", "metadata", index, "value"], why, field.text === "" ? "correct the value" : field.text);
      }
    }
  }
}

/** Finds what is wrong with one component, down to the metadata that its driver does not know. */
export async function checkComponent(component: Component, lookup: DriverLookup, find: Find): Promise<void> {
  checkItems(component, find);
  const rawTimeout = component.initTimeout;
  if (rawTimeout !== "") {
    try {
      parseDuration(rawTimeout);
    } catch {
      const message = `${JSON.stringify(rawTimeout)} is not a duration, 5s is used`;
      find("warning", ["spec", "initTimeout"], message, "write for example 20s");
    }
  }
  if (component.type === "") {
    find("error", ["spec", "type"], "the component has no type", "add spec.type, for example state.sqlite");
    return;
  }
  const driver = await lookup.find(component.type);
  if (!driver) {
    checkType(component, lookup, find);
    return;
  }
  checkVersion(component, driver, find);
  checkMetadata(component, driver, find);
}
