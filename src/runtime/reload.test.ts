import assert from "node:assert/strict";
import { test } from "node:test";
import type { FolderResources } from "../config/load.ts";
import type { Component } from "../config/resource/component.ts";
import { ResourceError } from "../config/resource-error.ts";
import { createVirtualClock } from "../kit/virtual-clock.ts";
import type { Log } from "../telemetry/ports.ts";
import { createReload } from "./reload.ts";

const resource = (kind: string, name: string, more: object = {}) =>
  ({ kind, name, namespace: "", scopes: [], source: { file: `${name}.yaml`, line: 1 }, ...more }) as never;
const component = (name: string): Component => resource("Component", name, { type: "state.x", version: "v1" });
const found = (more: Partial<FolderResources> = {}): FolderResources => ({
  components: [],
  subscriptions: [],
  resiliencies: [],
  httpEndpoints: [],
  mcpServers: [],
  workflowAccessPolicies: [],
  configurationFiles: [],
  warnings: [],
  ...more,
});

const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Lets work rest that is on its way through promises. */
async function settle(): Promise<void> {
  for (let times = 0; times < 5; times++) await turn();
}

/** A source whose content and answers the test sets, with a reload over it. */
function world(loaded: FolderResources = found()) {
  const clock = createVirtualClock(0, { settle });
  const lines: string[] = [];
  const note =
    (level: string) =>
    (line: string): void =>
      void lines.push(`${level}: ${line}`);
  const log: Log = {
    debug: () => undefined,
    info: note("info"),
    warn: note("warn"),
    error: note("error"),
    fatal: note("fatal"),
    scope: () => log,
    level: "info",
  };
  const watchers = new Set<() => void>();
  const events: string[] = [];
  const state = { content: loaded, fault: undefined as Error | undefined, reads: 0, restarts: true };
  const reload = createReload({
    source: {
      list: () => Promise.reject(new Error("the configuration is not read again")),
      async listFolders() {
        state.reads += 1;
        if (state.fault !== undefined) throw state.fault;
        return state.content;
      },
      watch(changed) {
        const watcher = () => changed();
        watchers.add(watcher);
        return () => watchers.delete(watcher);
      },
    },
    clock,
    log,
    intervalMs: 60_000,
  });
  let hold: Promise<void> | undefined;
  const begin = () =>
    reload.begin({
      loaded,
      folders: ["/r"],
      async components(wanted) {
        events.push(`components ${wanted.map(({ name }) => name)}`);
        await hold;
      },
      subscriptions: async (wanted) => void events.push(`subscriptions ${wanted.map(({ name }) => name)}`),
      async restart() {
        events.push("restart");
        return state.restarts;
      },
      fail: (error) => void events.push(`fail: ${error.message}`),
    });
  return {
    clock,
    reload,
    begin,
    state,
    watchers,
    holdComponents: (until: Promise<void> | undefined) => {
      hold = until;
    },
    events: () => events.splice(0),
    lines: () => lines.splice(0),
    async change(content: FolderResources | Error) {
      if (content instanceof Error) state.fault = content;
      else {
        state.fault = undefined;
        state.content = content;
      }
      for (const changed of [...watchers]) changed();
      await settle();
    },
  };
}

test("a change is applied; without one everything is looked at in the interval", async () => {
  const { begin, change, events, clock, state } = world();
  begin();
  await settle();
  assert.equal(state.reads, 0);
  await change(found({ components: [component("a")] }));
  assert.deepEqual(events(), ["components a", "subscriptions "]);
  state.content = found({ components: [component("b")] });
  await clock.advance(59_000);
  assert.deepEqual(events(), []);
  await clock.advance(1000);
  assert.deepEqual(events(), ["components b", "subscriptions "]);
  await clock.advance(120_000);
  assert.equal(state.reads, 4);
});

test("what changes while the sidecar opens is not lost", async () => {
  const { begin, change, events } = world();
  await change(found({ components: [component("early")] }));
  assert.deepEqual(events(), []);
  begin();
  await settle();
  assert.deepEqual(events(), ["components early", "subscriptions "]);
});

test("of changes that come while one is applied the last counts, and other kinds do not wait", async () => {
  const { begin, change, events, holdComponents } = world();
  begin();
  const gate = Promise.withResolvers<void>();
  holdComponents(gate.promise);
  await change(found({ components: [component("one")] }));
  await change(found({ components: [component("two")] }));
  await change(found({ components: [component("three")], subscriptions: [resource("Subscription", "s")] }));
  assert.deepEqual(events(), ["components one", "subscriptions ", "subscriptions ", "subscriptions s"]);
  holdComponents(undefined);
  gate.resolve();
  await settle();
  assert.deepEqual(events(), ["components three"]);
});

for (const [kind, field] of [
  ["Configuration", "configurationFiles"],
  ["HTTPEndpoint", "httpEndpoints"],
  ["Resiliency", "resiliencies"],
  ["WorkflowAccessPolicy", "workflowAccessPolicies"],
] as const) {
  test(`a ${kind} that came, went or changed restarts the sidecar`, async () => {
    const spec = (value: number) => ({ baseUrl: "http://x", value: { spec: { value } }, policies: value });
    const before = found({ [field]: [resource(kind, "a", spec(1)), resource(kind, "b", spec(1))] });
    for (const [event, list] of [
      ["CREATED", [resource(kind, "a", spec(1)), resource(kind, "b", spec(1)), resource(kind, "c", spec(1))]],
      ["UPDATED", [resource(kind, "a", spec(1)), resource(kind, "b", spec(2))]],
      ["DELETED", [resource(kind, "a", spec(1))]],
    ] as const) {
      const { begin, change, events, lines, state } = world(before);
      begin();
      lines();
      await change(found({ [field]: list, components: [component("x")] }));
      assert.deepEqual(events(), ["restart"]);
      assert.match(lines()[0] ?? "", new RegExp(`^info: Received ${kind} ${event} event: [bc]\\b.* - restarting`));
      await change(found());
      assert.deepEqual(events(), []);
      assert.equal(state.reads, 1);
    }
  });
}

test("the same resource at another place restarts nothing; when a restart is not possible the rest is applied", async () => {
  const one = (file: string) => resource("Resiliency", "r", { policies: 1, source: { file, line: 1 } });
  const { begin, change, events, state } = world(found({ resiliencies: [one("a.yaml")] }));
  begin();
  await change(found({ resiliencies: [one("b.yaml")] }));
  assert.deepEqual(events(), ["components ", "subscriptions "]);
  state.restarts = false;
  await change(found({ components: [component("x")] }));
  assert.deepEqual(events(), ["restart", "components x", "subscriptions "]);
});

test("duplicates end the sidecar, once", async () => {
  const { begin, change, events } = world();
  begin();
  const duplicate = new ResourceError("components", "duplicate definition of Component name a", []);
  await change(duplicate);
  await change(duplicate);
  assert.deepEqual(events(), ["fail: failed to load resources from disk: duplicate definition of Component name a"]);
});

test("a folder that is away keeps what is in use, and is looked for each second", async () => {
  const { begin, change, events, lines, clock, state } = world();
  begin();
  lines();
  await change(new ResourceError("components", "open /r: no such file or directory", [], { isFolderMissing: true }));
  assert.deepEqual(lines(), [
    "error: resources could not be read, those in use stay: open /r: no such file or directory",
  ]);
  state.fault = undefined;
  state.content = found({ components: [component("back")] });
  await clock.advance(1000);
  assert.deepEqual(events(), ["components back", "subscriptions "]);
});

test("what is wrong with files is said once", async () => {
  const warning = (message: string) => ({
    severity: "warning" as const,
    file: "a.yaml",
    line: 3,
    path: "spec",
    message,
    fix: "",
  });
  const { begin, change, lines } = world(found({ warnings: [warning("old")] }));
  begin();
  lines();
  await change(found({ warnings: [warning("old"), warning("new")] }));
  assert.equal(lines().length, 1);
  await change(found({ warnings: [warning("old"), warning("new")] }));
  assert.equal(lines().length, 0);
});

test("a stop waits for what is being applied, and nothing comes after", async () => {
  const { begin, change, events, reload, holdComponents, clock, watchers } = world();
  begin();
  const gate = Promise.withResolvers<void>();
  holdComponents(gate.promise);
  await change(found({ components: [component("one")] }));
  await change(found({ components: [component("two")] }));
  events();
  let isOver = false;
  const stopped = reload.stop().then(() => {
    isOver = true;
  });
  await settle();
  assert.equal(isOver, false);
  gate.resolve();
  await stopped;
  assert.equal(watchers.size, 0);
  await clock.advance(600_000);
  assert.deepEqual(events(), []);
});
