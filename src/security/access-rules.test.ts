import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccessControl, AccessControlPolicy } from "../config/configuration.ts";
import { type AccessCaller, createAccessRules } from "./access-rules.ts";

const caller: AccessCaller = { appId: "shop", namespace: "prod", trustDomain: "public" };
const decisions: string[] = [];
const meter = {
  decided(isAllowed: boolean, policy: string, by: AccessCaller | undefined) {
    decisions.push(`${isAllowed ? "allowed" : "blocked"} ${policy} ${by?.appId ?? "-"}`);
  },
};

function policy(given: Partial<AccessControlPolicy>): AccessControlPolicy {
  return { appId: "shop", namespace: "prod", trustDomain: "public", defaultAction: "", operations: [], ...given };
}

function rules(given: Partial<AccessControl>, isHttp = true) {
  const control = { defaultAction: "deny", trustDomain: "public", policies: [], ...given };
  const { refuses } = createAccessRules(control, { isHttp, meter });
  return (method: string, verb = "GET", by: AccessCaller | undefined = caller) =>
    refuses(by, method, verb) === undefined;
}

const operations = [
  { name: "orders/*", httpVerb: ["GET", "POST"], action: "allow" },
  { name: "/orders/secret", httpVerb: ["*"], action: "deny" },
  { name: "/Admin", httpVerb: ["PUT"], action: "ALLOW" },
];

test("without rules nothing is refused or counted", () => {
  decisions.length = 0;
  const { refuses } = createAccessRules(null, { isHttp: true, meter });
  assert.equal(refuses(undefined, "x", "GET"), undefined);
  assert.deepEqual(decisions, []);
});

test("a caller whose name nothing proves meets the default, whatever it says", () => {
  decisions.length = 0;
  const named = { appId: "shop", namespace: "prod" };
  const open = rules({ defaultAction: "allow", policies: [policy({ defaultAction: "deny" })] });
  assert.equal(open("x", "GET", named), true);
  assert.equal(open("x", "GET", caller), false);
  const shut = createAccessRules(
    { defaultAction: "deny", trustDomain: "public", policies: [policy({ defaultAction: "allow" })] },
    { isHttp: true, meter },
  );
  assert.equal(
    shut.refuses(named, "x/y", "GET"),
    "access control policy has denied access to id:  operation: x/y verb: GET",
  );
  assert.equal(shut.refuses(caller, "x/y", "GET"), undefined);
  assert.deepEqual(decisions, ["allowed global -", "blocked app shop", "blocked global -", "allowed app shop"]);
});

test("a policy is for one app of one namespace and trust domain", () => {
  const may = rules({ policies: [policy({ defaultAction: "allow" }), policy({ namespace: "test" })] });
  assert.equal(may("x"), true);
  assert.equal(may("x", "GET", { ...caller, appId: "Shop" }), false);
  assert.equal(may("x", "GET", { ...caller, namespace: "other" }), false);
  assert.equal(may("x", "GET", { ...caller, trustDomain: "other" }), false);
});

test("the refusal names who asked for what", () => {
  const { refuses } = createAccessRules(
    { defaultAction: "deny", trustDomain: "public", policies: [] },
    { isHttp: false, meter },
  );
  assert.equal(
    refuses(caller, "/p.S/M", "POST"),
    "access control policy has denied access to id: spiffe://public/ns/prod/shop operation: /p.S/M verb: NONE",
  );
});

test("over HTTP an operation's action is for its verbs", () => {
  const may = rules({ policies: [policy({ defaultAction: "deny", operations })] });
  assert.equal(may("orders/1"), true);
  assert.equal(may("/ORDERS/1", "POST"), true);
  assert.equal(may("orders/1", "DELETE"), false);
  assert.equal(may("orders"), true);
  assert.equal(may("orders/1/2"), false);
  assert.equal(may("admin/x", "PUT"), true);
  assert.equal(may("admin", "put"), false);
  // The first name that fits is followed.
  assert.equal(may("orders/secret"), true);
});

test("a verb without a rule, and no verb at all, get the policy's default", () => {
  const allowing = {
    policies: [policy({ defaultAction: "allow", operations: [{ ...operations[0]!, action: "deny" }] })],
  };
  assert.equal(rules(allowing)("orders/1", "PATCH"), true);
  assert.equal(rules(allowing)("orders/1", "GET"), false);
  assert.equal(rules(allowing)("orders/1", ""), true);
  const silent = { defaultAction: "allow", policies: [policy({ operations })] };
  assert.equal(rules(silent)("orders/1", "PATCH"), true);
  assert.equal(rules(silent)("orders/1", ""), false);
});

test("over gRPC names are taken by the letter and verbs do not count", () => {
  const may = rules(
    { policies: [policy({ operations: [{ name: "/p.Shop/*", httpVerb: ["GET"], action: "allow" }] })] },
    false,
  );
  assert.equal(may("/p.Shop/Buy"), true);
  assert.equal(may("/p.shop/Buy"), false);
  assert.equal(may("/p.Shop/Buy", "POST"), true);
  assert.equal(may("/p.Other/Buy"), false);
});

test("what is no action denies; letters beyond ASCII have no case twins of other lengths", () => {
  const may = rules({
    policies: [
      policy({
        operations: [
          { name: "/İd", httpVerb: ["*"], action: "allow" },
          { name: "/b", httpVerb: ["*"], action: "alow" },
        ],
      }),
    ],
  });
  assert.equal(may("id"), true);
  assert.equal(may("b"), false);
});
