import assert from "node:assert/strict";
import { test } from "node:test";
import type { Binding, BindingEvent, BindingRequest } from "../../src/driver/bindings.ts";
import { DriverError } from "../../src/driver/errors.ts";

/** What a binding under test can do. */
export interface BindingTraits {
  /** A request for each operation that has to work, in this order, on one instance. */
  readonly invoke?: readonly { readonly request: BindingRequest; check?(answer: Uint8Array | undefined): void }[];
  /** Makes the source bring (at least) one more event. */
  readonly bring?: () => Promise<void>;
}

/** The behaviour that all bindings share. `open` gives a fresh instance. */
export function bindingConformance(name: string, open: () => Promise<Binding>, traits: BindingTraits): void {
  const { signal } = new AbortController();
  const within = async (check: (binding: Binding) => Promise<void>): Promise<void> => {
    const binding = await open();
    try {
      await check(binding);
    } finally {
      await binding.close();
    }
  };

  test(`${name}: closes twice`, async () => {
    const binding = await open();
    await binding.close();
    await binding.close();
  });

  const { invoke, bring } = traits;
  if (invoke !== undefined) {
    test(`${name}: every operation that is tried is declared, and works`, () =>
      within(async (binding) => {
        for (const { request, check } of invoke) {
          assert.ok(binding.operations.includes(request.operation), request.operation);
          const answer = await binding.invoke?.(request, signal);
          check?.(answer?.data);
        }
      }));

    test(`${name}: an operation that is not declared is refused`, () =>
      within(async (binding) => {
        const request = { operation: "no-such-operation", data: new Uint8Array(), metadata: {} };
        assert.ok(!binding.operations.includes(request.operation));
        await assert.rejects(binding.invoke?.(request, signal) ?? Promise.resolve(), (error) => DriverError.is(error));
      }));
  } else
    test(`${name}: has no operations without invoke`, () =>
      within(async (binding) => {
        assert.equal(binding.invoke, undefined);
        assert.deepEqual(binding.operations, []);
      }));

  if (bring === undefined) return;
  const until = async (holds: () => boolean): Promise<void> => {
    for (const end = Date.now() + 20_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 5)))
      assert.ok(Date.now() < end, "no event came within 20 s");
  };
  test(`${name}: brings events to the handler until the reader is closed`, () =>
    within(async (binding) => {
      const events: BindingEvent[] = [];
      const reader = await binding.read?.(async (event) => {
        events.push(event);
        return new Uint8Array();
      }, signal);
      await bring();
      await until(() => events.length > 0);
      await reader?.close();
      const before = events.length;
      await bring();
      assert.equal(events.length, before);
    }));

  test(`${name}: goes on after a handler that rejects`, () =>
    within(async (binding) => {
      let calls = 0;
      const reader = await binding.read?.(async () => {
        calls++;
        throw new Error("the app does not want it");
      }, signal);
      await bring();
      await bring();
      await until(() => calls > 1);
      await reader?.close();
    }));

  test(`${name}: closing the reader waits for the handler`, () =>
    within(async (binding) => {
      const hold = Promise.withResolvers<void>();
      let isCalled = false;
      let isDone = false;
      const reader = await binding.read?.(async () => {
        isCalled = true;
        await hold.promise;
        isDone = true;
        return new Uint8Array();
      }, signal);
      await bring();
      await until(() => isCalled);
      const closing = reader?.close();
      hold.resolve();
      await closing;
      assert.equal(isDone, true);
    }));
}
