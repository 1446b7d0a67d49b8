import type { NameValue } from "./resource/name-value.ts";

/** What stands in for the braces in metadata values. */
export interface TemplateValues {
  uuid(): string;
  /** Empty when POD_NAME is not set. */
  readonly podName: string;
  readonly namespace: string;
  readonly appId: string;
}

/**
 * The metadata of a component with `{uuid}`, `{podName}`, `{namespace}` and `{appID}` filled in; a later item of the same
 * name wins. Throws when `{podName}` is used and there is none. compat: pkg/runtime/meta/meta.go
 */
export function componentProperties(items: readonly NameValue[], values: TemplateValues): Map<string, string> {
  const properties = new Map<string, string>();
  for (const item of items) {
    let text = item.value ?? "";
    if (text.includes("{")) {
      text = text.replaceAll("{uuid}", () => values.uuid());
      if (text.includes("{podName}")) {
        if (values.podName === "") {
          throw new Error(`failed to parse metadata: property ${item.name} refers to {podName} but podName is not set`);
        }
        text = text.replaceAll("{podName}", () => values.podName);
      }
      text = text.replaceAll("{namespace}", () => `${values.namespace}.${values.appId}`);
      text = text.replaceAll("{appID}", () => values.appId);
    }
    properties.set(item.name, text);
  }
  return properties;
}
