import { httpStatusError } from "../../errors/http-status-error.ts";
import type { GrpcInterceptor } from "./interceptor.ts";

/** An entry of Configuration `spec.api.allowed` or `spec.api.denied`. */
export interface ApiAccessRule {
  readonly name: string;
  readonly version: string;
  readonly protocol: string;
}

const prefix = "/dapr.proto.runtime.";
const workflowVerbs = ["Start", "Get", "Terminate", "RaiseEvent", "Purge", "Pause", "Resume"];

/** RPCs of the Dapr service by the name and version that access rules give them. */
const groups: Readonly<Record<string, readonly string[]>> = {
  "invoke.v1": ["InvokeService"],
  "state.v1": ["GetState", "GetBulkState", "SaveState", "DeleteState", "DeleteBulkState", "ExecuteStateTransaction"],
  "state.v1alpha1": ["QueryStateAlpha1"],
  "publish.v1": ["PublishEvent", "BulkPublishEvent"],
  "publish.v1alpha1": ["BulkPublishEventAlpha1"],
  "bindings.v1": ["InvokeBinding"],
  "secrets.v1": ["GetSecret", "GetBulkSecret"],
  "actors.v1": [
    "RegisterActorTimer",
    "UnregisterActorTimer",
    "RegisterActorReminder",
    "GetActorReminder",
    "UnregisterActorReminder",
    "UnregisterActorRemindersByType",
    "ListActorReminders",
    "GetActorState",
    "ExecuteActorStateTransaction",
    "InvokeActor",
  ],
  "actors.v1alpha1": ["SubscribeActorEventsAlpha1"],
  "metadata.v1": ["GetMetadata", "SetMetadata"],
  "configuration.v1alpha1": [
    "GetConfigurationAlpha1",
    "SubscribeConfigurationAlpha1",
    "UnsubscribeConfigurationAlpha1",
  ],
  "configuration.v1": ["GetConfiguration", "SubscribeConfiguration", "UnsubscribeConfiguration"],
  "lock.v1alpha1": ["TryLockAlpha1"],
  "unlock.v1alpha1": ["UnlockAlpha1"],
  "subtlecrypto.v1alpha1": [
    "SubtleGetKeyAlpha1",
    "SubtleEncryptAlpha1",
    "SubtleDecryptAlpha1",
    "SubtleSignAlpha1",
    "SubtleVerifyAlpha1",
    "SubtleWrapKeyAlpha1",
    "SubtleUnwrapKeyAlpha1",
  ],
  "crypto.v1alpha1": ["EncryptAlpha1", "DecryptAlpha1"],
  "workflows.v1alpha1": workflowVerbs.map((verb) => workflowMethod(verb, "Alpha1")),
  "workflows.v1beta1": workflowVerbs.map((verb) => workflowMethod(verb, "Beta1")),
  "jobs.v1alpha1": [
    "ScheduleJobAlpha1",
    "DeleteJobAlpha1",
    "GetJobAlpha1",
    "DeleteJobsByPrefixAlpha1",
    "ListJobsAlpha1",
  ],
  "jobs.v1": ["ScheduleJob", "DeleteJob", "GetJob", "DeleteJobsByPrefix", "ListJobs"],
  "shutdown.v1": ["Shutdown"],
  "subscribe.v1alpha1": ["SubscribeTopicEventsAlpha1"],
  "conversation.v1alpha1": ["ConverseAlpha1"],
  "conversation.v1alpha2": ["ConverseAlpha2"],
};

/** Throws UNIMPLEMENTED for the path of an RPC that may not be called. */
export type PathGuard = (path: string) => void;

/**
 * The guard for the rules of protocol `grpc`, denied ones first; undefined when there are none.
 * Only RPCs below `/dapr.proto.runtime.` are filtered, so that proxied services pass.
 */
export function createPathGuard(
  allowed: readonly ApiAccessRule[],
  denied: readonly ApiAccessRule[],
): PathGuard | undefined {
  const allow = pathsOf(allowed);
  const deny = pathsOf(denied);
  if (allow.size === 0 && deny.size === 0) return undefined;
  return (path) => {
    if (!path.startsWith(prefix)) return;
    if (deny.has(path) || (allow.size > 0 && !allow.has(path))) {
      throw httpStatusError(501, "requested endpoint is not available");
    }
  };
}

/** The guard as an interceptor. */
export function createAllowList(guard: PathGuard): GrpcInterceptor {
  return ({ path }) => {
    guard(path);
    return undefined;
  };
}

function pathsOf(rules: readonly ApiAccessRule[]): ReadonlySet<string> {
  const paths = rules
    .filter((rule) => rule.protocol === "grpc")
    .flatMap((rule) => groups[`${rule.name}.${rule.version}`] ?? [])
    .map((method) => `${prefix}v1.Dapr/${method}`);
  return new Set(paths);
}

function workflowMethod(verb: string, stage: string): string {
  return `${verb === "RaiseEvent" ? "RaiseEventWorkflow" : `${verb}Workflow`}${stage}`;
}
