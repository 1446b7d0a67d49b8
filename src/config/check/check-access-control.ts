import { verbNames } from "../../kit/peer-wire/verb-names.ts";
import type { ConfigurationManifest } from "../resource/configuration.ts";
import type { Find } from "./finder.ts";

const verbs: ReadonlySet<string> = new Set(["*", ...verbNames.slice(1)]);

/** Finds actions that deny although they do not say so, and verbs that no request has. */
export function checkAccessControl(control: ConfigurationManifest["spec"]["accessControl"], find: Find): void {
  if (!control) return;
  const at = ["spec", "accessControl"] as const;
  const action = (path: readonly (string | number)[], name: string, found: string): void => {
    if (found === "" || /^(?:allow|deny)$/i.test(found)) return;
    find("warning", [...path, name], `${JSON.stringify(found)} is no action and denies`, "write allow or deny");
  };
  action(at, "defaultAction", control.defaultAction);
  for (const [index, policy] of control.policies.entries()) {
    const place = [...at, "policies", index];
    action(place, "defaultAction", policy.defaultAction);
    for (const [number, operation] of policy.operations.entries()) {
      const path = [...place, "operations", number];
      action(path, "action", operation.action);
      if (operation.action === "") find("warning", path, "an operation without action is denied", "add allow or deny");
      for (const [nth, verb] of operation.httpVerb.entries()) {
        if (verbs.has(verb)) continue;
        const fix = verbs.has(verb.toUpperCase()) ? `write ${verb.toUpperCase()}` : `known: ${[...verbs].join(", ")}`;
        find("warning", [...path, "httpVerb", nth], `${JSON.stringify(verb)} is no verb of HTTP and never fits`, fix);
      }
    }
  }
}

/** Finds rules that leave open what happens to callers without a policy. */
export function checkDefaultAction(control: ConfigurationManifest["spec"]["accessControl"], find: Find): void {
  if (!control || control.policies.length === 0 || control.defaultAction !== "") return;
  const message = "without defaultAction callers that no policy names are allowed, on Kubernetes denied";
  find("warning", ["spec", "accessControl"], message, "add defaultAction: deny");
}
