import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  HttpMiddleware,
  MiddlewareNext,
  MiddlewareRequest,
  MiddlewareResponse,
} from "../../src/driver/middleware.ts";

const { signal } = new AbortController();

/** A request as a pipeline hands it on; `change` replaces members. */
export function middlewareRequest(change: Partial<MiddlewareRequest> = {}): MiddlewareRequest {
  const caller = { address: "192.0.2.7", port: 4321 };
  return { method: "GET", path: "/a", query: "", headers: new Headers(), body: null, caller, signal, ...change };
}

/** What a middleware made of a request: what it passed on, if it did, and its answer. */
export interface Passed {
  readonly request: MiddlewareRequest | undefined;
  readonly response: MiddlewareResponse;
  readonly text: string;
}

/** Leads a request through a middleware to an app that answers with `ok`. */
export async function pass(
  middleware: HttpMiddleware,
  request: MiddlewareRequest,
  answer: () => MiddlewareResponse = () => new Response("ok"),
): Promise<Passed> {
  const seen: MiddlewareRequest[] = [];
  const response = await middleware.handle(request, async (passed) => {
    seen.push(passed);
    return answer();
  });
  assert.ok(seen.length <= 1, "a request is passed on once at most");
  return { request: seen[0], response, text: await new Response(response.body as BodyInit | null).text() };
}

/**
 * What all middlewares share. `open` gives one, and `passes` a request that it lets pass (with credentials, a fitting path or
 * whatever it asks for).
 */
export function middlewareConformance(
  name: string,
  open: () => Promise<HttpMiddleware>,
  passes: () => MiddlewareRequest | Promise<MiddlewareRequest>,
): void {
  async function within(
    check: (middleware: HttpMiddleware, request: MiddlewareRequest) => Promise<void>,
  ): Promise<void> {
    const middleware = await open();
    try {
      await check(middleware, await passes());
    } finally {
      await middleware.close();
    }
  }
  const endless = () => new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });

  test(`${name}: passes a request on once and answers what comes back`, () =>
    within(async (middleware, request) => {
      const {
        request: passed,
        response,
        text,
      } = await pass(middleware, { ...request, method: "PUT" }, () => {
        return new Response("there", { status: 207, headers: { "x-own": "1" } });
      });
      assert.equal(passed?.method, "PUT");
      assert.equal(response.status, 207);
      assert.equal(response.headers.get("x-own"), "1");
      assert.equal(text.toLowerCase(), "there");
    }));

  test(`${name}: waits neither for the end of a request nor for that of its answer`, () =>
    within(async (middleware, request) => {
      const { body } = await middleware.handle({ ...request, method: "POST", body: endless() }, async (passed) => {
        assert.ok(passed.body instanceof ReadableStream);
        return { status: 200, headers: new Headers(), body: endless() };
      });
      assert.ok(body instanceof ReadableStream);
    }));

  test(`${name}: a reader who leaves an answer ends it`, () =>
    within(async (middleware, request) => {
      let reason: unknown;
      const source = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
        cancel: (why) => void (reason = why),
      });
      const { body } = await middleware.handle(request, async () => new Response(source));
      const reader = (body as ReadableStream<Uint8Array>).getReader();
      assert.equal((await reader.read()).done, false);
      await reader.cancel("enough");
      assert.equal(reason, "enough");
    }));

  test(`${name}: leaves the request that it was given as it is`, () =>
    within(async (middleware, request) => {
      const before = [...request.headers];
      await pass(middleware, request);
      assert.deepEqual([...request.headers], before);
    }));

  test(`${name}: what fails behind it fails`, () =>
    within(async (middleware, request) => {
      const fails: MiddlewareNext = () => Promise.reject(new Error("no app"));
      await assert.rejects(async () => middleware.handle(request, fails), /^Error: no app$/);
    }));

  test(`${name}: requests at once do not meet`, () =>
    within(async (middleware, request) => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          const headers = new Headers(request.headers);
          headers.set("x-index", String(index));
          const response = await middleware.handle({ ...request, headers }, async (passed) => {
            await Promise.resolve();
            return new Response(null, { headers: { "x-index": passed.headers.get("x-index") ?? "" } });
          });
          return response.headers.get("x-index");
        }),
      );
      assert.deepEqual(answers, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    }));
}
