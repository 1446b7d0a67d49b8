import * as v from "valibot";
import { lazily } from "../../kit/lazily.ts";
import { block, field, list } from "../schema-field.ts";
import { manifestFields, type ResourceMeta, type ResourceSourcePlace, resourceMeta } from "./manifest.ts";

const operations = ["schedule", "terminate", "raise", "pause", "resume", "purge", "get", "rerun"] as const;
const eventTypes = [
  "activity.started",
  "activity.completed",
  "workflow.started",
  "workflow.completed",
  "event.raised",
] as const;
export type WorkflowOperation = (typeof operations)[number];

/** An event that must have happened before. */
export interface RequiredEvent {
  readonly appID: string;
  readonly eventType: string;
  readonly name: string;
}
/** Who may do what: the callers may do all that the rule names. Names are globs in which `*` stops at `/`. */
export interface WorkflowAccessRule {
  readonly callers: readonly { readonly appID: string }[];
  readonly workflows: readonly {
    readonly name: string;
    readonly operations: readonly string[];
    readonly requires: readonly RequiredEvent[];
  }[];
  readonly activities: readonly { readonly name: string; readonly requires: readonly RequiredEvent[] }[];
}
/** Which other apps may start and steer the workflows of this one. */
export interface WorkflowAccessPolicy extends ResourceMeta {
  readonly kind: "WorkflowAccessPolicy";
  readonly rules: readonly WorkflowAccessRule[];
}

const requires = () => list(v.object({ appID: field.text(), eventType: field.text(), name: field.text() }));

export const workflowAccessPolicySchema = lazily(() =>
  v.object({
    ...manifestFields(),
    spec: block({
      rules: list(
        v.object({
          callers: list(v.object({ appID: field.text() })),
          workflows: list(v.object({ name: field.text(), operations: field.texts(), requires: requires() })),
          activities: list(v.object({ name: field.text(), requires: requires() })),
        }),
      ),
    }),
  }),
);

/** A policy from its decoded manifest; ask `policyFaults` before using it. */
export function workflowAccessPolicyFrom(
  manifest: v.InferOutput<ReturnType<typeof workflowAccessPolicySchema>>,
  source: ResourceSourcePlace,
): WorkflowAccessPolicy {
  return { kind: "WorkflowAccessPolicy", ...resourceMeta(manifest, source), rules: manifest.spec.rules };
}

type Path = readonly (string | number)[];

/** A rule of the policy that is broken, with its place in the document. */
export interface PolicyFault {
  readonly path: Path;
  readonly message: string;
}

/** Everything in a policy that breaks the rules of its CRD; upstream skips such a policy with a warning. */
export function policyFaults(policy: WorkflowAccessPolicy): PolicyFault[] {
  const faults: PolicyFault[] = [];
  const add = (path: Path, message: string) => faults.push({ path, message });
  const text = (path: Path, value: string) => {
    if (value === "") add(path, "must not be empty");
    else if (value.length > 256) add(path, "must be no more than 256 characters");
  };
  const most = (path: Path, items: readonly unknown[], limit: number) => {
    if (items.length > limit) add(path, `must have at most ${limit} items`);
  };
  const events = (path: Path, wanted: readonly RequiredEvent[]) => {
    most(path, wanted, 20);
    wanted.forEach((event, index) => {
      text([...path, index, "appID"], event.appID);
      text([...path, index, "name"], event.name);
      if (eventTypes.some((type) => type === event.eventType)) return;
      add([...path, index, "eventType"], `${JSON.stringify(event.eventType)} is none of ${eventTypes.join(", ")}`);
    });
  };
  most(["spec", "rules"], policy.rules, 100);
  policy.rules.forEach((rule, index) => {
    const at: Path = ["spec", "rules", index];
    if (rule.workflows.length + rule.activities.length === 0) {
      add(at, "at least one of workflows or activities must contain a rule");
    }
    if (rule.callers.length === 0) add([...at, "callers"], "must name at least one caller");
    most([...at, "callers"], rule.callers, 100);
    most([...at, "workflows"], rule.workflows, 100);
    most([...at, "activities"], rule.activities, 100);
    rule.callers.forEach((caller, i) => text([...at, "callers", i, "appID"], caller.appID));
    rule.workflows.forEach((workflow, i) => {
      const here: Path = [...at, "workflows", i];
      text([...here, "name"], workflow.name);
      if (workflow.operations.length === 0) add([...here, "operations"], "must name at least one operation");
      most([...here, "operations"], workflow.operations, operations.length);
      workflow.operations.forEach((operation, j) => {
        if (operations.some((known) => known === operation)) return;
        add([...here, "operations", j], `${JSON.stringify(operation)} is none of ${operations.join(", ")}`);
      });
      if (workflow.requires.length > 0 && (workflow.operations.length !== 1 || workflow.operations[0] !== "schedule")) {
        add(here, "requires is only allowed with the single operation schedule");
      }
      events([...here, "requires"], workflow.requires);
    });
    rule.activities.forEach((activity, i) => {
      text([...at, "activities", i, "name"], activity.name);
      events([...at, "activities", i, "requires"], activity.requires);
    });
  });
  return faults;
}
