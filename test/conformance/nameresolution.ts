import assert from "node:assert/strict";
import { test } from "node:test";
import { DriverError } from "../../src/driver/errors.ts";
import type { Announcement, NameResolver } from "../../src/driver/nameresolution.ts";

/** Opens one more resolver of the same network or file; each stands for a process. */
export interface ResolverNetwork {
  open(): Promise<NameResolver>;
  close(): Promise<void>;
}

/** How a resolver under test differs from the others. */
export interface ResolverTraits {
  /** What its error says of an app that nobody announced. */
  readonly unknown: RegExp;
}

const { signal } = new AbortController();
const request = (appId: string) => ({ appId, namespace: "", port: 50002, data: {} });
const announcement = (appId: string, internalPort: number): Announcement => ({
  appId,
  namespace: "",
  hostAddress: "127.0.0.1",
  internalPort,
  httpPort: 3500,
});

/** The behaviour that all resolvers share which are told where apps are. */
export function nameResolverConformance(
  name: string,
  start: () => Promise<ResolverNetwork>,
  traits: ResolverTraits,
): void {
  const within = async (check: (open: () => Promise<NameResolver>) => Promise<void>): Promise<void> => {
    const network = await start();
    const opened: NameResolver[] = [];
    try {
      await check(async () => {
        const resolver = await network.open();
        opened.push(resolver);
        return resolver;
      });
    } finally {
      for (const resolver of opened) await resolver.close();
      await network.close();
    }
  };
  const register = async (resolver: NameResolver, self: Announcement): Promise<() => Promise<void>> => {
    assert.ok(resolver.register !== undefined, "it takes announcements");
    return resolver.register(self);
  };
  const isUnknown = (resolver: NameResolver, appId: string): Promise<void> =>
    assert.rejects(
      async () => resolver.resolve(request(appId), signal),
      (error) => DriverError.is(error) && error.kind === "notFound" && traits.unknown.test(error.message),
    );

  test(`${name}: an app that was announced is found, by others and by its own`, () =>
    within(async (open) => {
      const [one, other] = [await open(), await open()];
      await register(one, announcement("conf-app", 4001));
      assert.deepEqual(await other.resolve(request("conf-app"), signal), ["127.0.0.1:4001"]);
      assert.deepEqual(await other.resolve(request("conf-app"), signal), ["127.0.0.1:4001"]);
      assert.deepEqual(await one.resolve(request("conf-app"), signal), ["127.0.0.1:4001"]);
    }));

  test(`${name}: an unknown app is an error, however similar its name`, () =>
    within(async (open) => {
      const [one, other] = [await open(), await open()];
      await register(one, announcement("conf-app", 4001));
      await isUnknown(other, "conf");
      await isUnknown(other, "b-conf-app");
    }));

  test(`${name}: ids with dots are told apart`, () =>
    within(async (open) => {
      const [one, other] = [await open(), await open()];
      await register(one, announcement("a.b", 4001));
      await register(one, announcement("b", 4002));
      assert.deepEqual(await other.resolve(request("b"), signal), ["127.0.0.1:4002"]);
      assert.deepEqual(await other.resolve(request("a.b"), signal), ["127.0.0.1:4001"]);
    }));

  test(`${name}: all instances are found`, () =>
    within(async (open) => {
      const [one, second, other] = [await open(), await open(), await open()];
      await register(one, announcement("conf-many", 4001));
      await register(second, announcement("conf-many", 4002));
      let found: readonly string[] = [];
      for (let tries = 0; tries < 100 && found.length < 2; tries++) {
        found = await other.resolve(request("conf-many"), signal);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.deepEqual([...found].sort(), ["127.0.0.1:4001", "127.0.0.1:4002"]);
    }));

  test(`${name}: an app that was withdrawn is not found`, () =>
    within(async (open) => {
      const [one, other] = [await open(), await open()];
      const withdraw = await register(one, announcement("conf-gone", 4001));
      assert.deepEqual(await other.resolve(request("conf-gone"), signal), ["127.0.0.1:4001"]);
      await withdraw();
      let failure: unknown;
      for (let tries = 0; tries < 100 && failure === undefined; tries++) {
        failure = await Promise.resolve(other.resolve(request("conf-gone"), signal)).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (failure === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.match(String(failure), traits.unknown);
    }));

  test(`${name}: an announcement without id, address or port is refused`, () =>
    within(async (open) => {
      const resolver = await open();
      const whole = announcement("conf-app", 4001);
      await assert.rejects(register(resolver, { ...whole, appId: "" }), /^DriverError: name is missing$/);
      await assert.rejects(register(resolver, { ...whole, hostAddress: "" }), /^DriverError: address is missing$/);
      await assert.rejects(register(resolver, { ...whole, internalPort: 0 }), /port is missing or invalid$/);
    }));

  test(`${name}: a look-up ends with its signal`, () =>
    within(async (open) => {
      const resolver = await open();
      const gone = new AbortController();
      const pending = Promise.resolve(resolver.resolve(request("conf-nobody"), gone.signal));
      gone.abort(new Error("caller left"));
      await assert.rejects(
        pending,
        (error) => traits.unknown.test(String(error)) || String(error) === "Error: caller left",
      );
    }));
}
