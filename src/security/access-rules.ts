import type { AccessControl, AccessControlPolicy } from "../config/configuration.ts";
import { createOperationTree, type OperationTree } from "./operation-tree.ts";

/** A caller as its sidecar names it. */
export interface AccessCaller {
  readonly appId: string;
  readonly namespace: string;
  /** Only of a caller whose name is proven: by its certificate, or because it runs in this process. */
  readonly trustDomain?: string | undefined;
}

/** Counts decisions; `policy` tells whose action it was, that of the caller's policy or the global one. */
export interface AccessMeter {
  decided(isAllowed: boolean, policy: "app" | "global", caller: AccessCaller | undefined): void;
}

/** Who may call which method of one app. */
export interface AccessRules {
  /** Why a call is refused; undefined when it is allowed. `method` is clean; an empty `verb` means a call without one. */
  refuses(caller: AccessCaller | undefined, method: string, verb: string): string | undefined;
}

interface Operation {
  readonly verbs: ReadonlyMap<string, string>;
  readonly action: string;
}

interface Policy {
  readonly trustDomain: string;
  /** Empty: the global one. */
  readonly defaultAction: string;
  readonly operations: OperationTree<Operation>;
}

const noVerb = "NONE";

/**
 * The rules that `spec.accessControl` gives the app. `isHttp` is the app's protocol: names of HTTP operations are compared without
 * regard to case, and verbs count. Whoever is not proven to be who they say meets the default action. compat: pkg/acl/acl.go
 */
export function createAccessRules(
  control: AccessControl | null,
  options: { readonly isHttp: boolean; readonly meter: AccessMeter },
): AccessRules {
  if (control === null) return { refuses: () => undefined };
  const { isHttp, meter } = options;
  const isOpen = isAllow(control.defaultAction);
  const policies = new Map(control.policies.map((policy) => [keyOf(policy), readPolicy(policy, isHttp)]));

  function decide(caller: AccessCaller, method: string, verb: string): { action: string; policy: "app" | "global" } {
    const { defaultAction } = control as AccessControl;
    const policy = policies.get(keyOf(caller));
    if (policy === undefined || policy.trustDomain !== caller.trustDomain) {
      return { action: defaultAction, policy: "global" };
    }
    const own = policy.defaultAction === "" ? "global" : "app";
    const usual = policy.defaultAction || defaultAction;
    const path = method.startsWith("/") ? method : `/${method}`;
    const operation = policy.operations.find(isHttp ? lowerCase(path) : path);
    if (operation === undefined) return { action: usual, policy: own };
    if (!isHttp) return { action: operation.action, policy: own };
    // compat: what is called without a verb gets the policy's default even where that says nothing, which refuses it.
    if (verb === noVerb) return { action: policy.defaultAction, policy: own };
    return { action: operation.verbs.get(verb) ?? operation.verbs.get("*") ?? usual, policy: own };
  }

  return {
    refuses(caller, method, verb) {
      const isProven = caller?.trustDomain !== undefined;
      const shown = isHttp && verb !== "" ? verb : noVerb;
      let isAllowed = isOpen;
      let by: "app" | "global" = "global";
      if (isProven && policies.size > 0) {
        const { action, policy } = decide(caller, method, shown);
        isAllowed = isAllow(action);
        by = policy;
      }
      meter.decided(isAllowed, by, isProven ? caller : undefined);
      if (isAllowed) return undefined;
      const id = isProven ? `spiffe://${caller.trustDomain}/ns/${caller.namespace}/${caller.appId}` : "";
      return `access control policy has denied access to id: ${id} operation: ${method} verb: ${shown}`;
    },
  };
}

function readPolicy(policy: AccessControlPolicy, isHttp: boolean): Policy {
  const operations = policy.operations.map(({ name, httpVerb, action }): readonly [string, Operation] => {
    const path = name.startsWith("/") ? name : `/${name}`;
    return [isHttp ? lowerCase(path) : path, { verbs: new Map(httpVerb.map((verb) => [verb, action])), action }];
  });
  return {
    trustDomain: policy.trustDomain,
    defaultAction: policy.defaultAction,
    operations: createOperationTree(operations),
  };
}

function keyOf({ appId, namespace }: { readonly appId: string; readonly namespace: string }): string {
  return `${appId}||${namespace}`;
}

/** Anything but `allow` denies. */
function isAllow(action: string): boolean {
  return action.toLowerCase() === "allow";
}

/** Letter by letter, as Go does it: neighbours have no influence, and no letter becomes two. */
function lowerCase(text: string): string {
  if (!/[^\0-\x7f]/.test(text)) return text.toLowerCase();
  return Array.from(text, (letter) => (letter === "\u0130" ? "i" : letter.toLowerCase())).join("");
}
