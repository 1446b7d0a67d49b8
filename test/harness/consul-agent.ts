import type { Listener, Platform } from "../../src/platform/types.ts";

/** A registration as the agent got it. */
export interface Registered {
  readonly ID: string;
  readonly Name: string;
  readonly Address?: string;
  readonly Port?: number;
  readonly Tags?: readonly string[];
  readonly Meta?: Readonly<Record<string, string>>;
  readonly Checks?: readonly Readonly<Record<string, unknown>>[];
  readonly Check?: Readonly<Record<string, unknown>>;
}

/** The part of Consul's agent API that names need, in memory. */
export interface FakeConsul {
  readonly port: number;
  readonly services: Map<string, Registered>;
  /** Services whose checks fail. */
  readonly failing: Set<string>;
  /** `METHOD path?query` of every request, with its headers. */
  readonly requests: { readonly line: string; readonly headers: Headers }[];
  /** Answers every request with this status while it is set. */
  broken: number | undefined;
  /** Refuses to list the instances of services. */
  brokenHealth: boolean;
  /** Something changed: answers questions that wait for it. */
  changed(): void;
  close(): Promise<void>;
}

/** Starts one on loopback. Every change has an index, and a question with an index waits for a later one. */
export async function startFakeConsul(platform: Platform): Promise<FakeConsul> {
  const services = new Map<string, Registered>();
  const failing = new Set<string>();
  const requests: FakeConsul["requests"] = [];
  let index = 10;
  let waiting: (() => void)[] = [];
  const changed = (): void => {
    index++;
    for (const wake of waiting.splice(0)) wake();
  };
  const later = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  const json = (value: unknown): Response => Response.json(value, { headers: { "x-consul-index": String(index) } });
  const state = (id: string): string => (failing.has(id) ? "critical" : "passing");

  async function handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    requests.push({ line: `${request.method} ${url.pathname}${url.search}`, headers: request.headers });
    if (fake.broken !== undefined) return new Response("broken", { status: fake.broken });
    const [, version, group, kind, name = ""] = url.pathname.split("/").map(decodeURIComponent);
    if (version !== "v1") return new Response("", { status: 404 });
    const asked = `${request.method} ${group}/${kind}`;
    if (asked === "GET agent/self") return json({ Config: { Datacenter: "dc1" } });
    if (asked === "PUT agent/service" && name === "register") {
      const service = (await request.json()) as Registered;
      if ((service.Name ?? "") === "") return new Response("Missing service name", { status: 400 });
      services.set(service.ID ?? service.Name, { ...service, ID: service.ID ?? service.Name });
      changed();
      return new Response("");
    }
    if (asked === "PUT agent/service" && name === "deregister") {
      const id = decodeURIComponent(url.pathname.split("/")[5] ?? "");
      if (!services.delete(id)) return new Response(`Unknown service ID ${id}`, { status: 404 });
      changed();
      return new Response("");
    }
    if (asked === "GET health/service") {
      if (fake.brokenHealth) return new Response("", { status: 500 });
      const found = [...services.values()].filter((one) => one.Name === name);
      const passing = url.searchParams.has("passing") ? found.filter(({ ID }) => !failing.has(ID)) : found;
      return json(passing.map((Service) => ({ Node: { Node: "node", Address: "127.0.0.9" }, Service, Checks: [] })));
    }
    if (asked === "GET health/state" && name === "any") {
      const from = Number(url.searchParams.get("index") ?? 0);
      while (from !== 0 && from === index && !request.signal.aborted) await later(request.signal);
      const filter = url.searchParams.get("filter") ?? "";
      const wanted = [...filter.matchAll(/ServiceName=="([^"]*)"/g)].map((match) => match[1]);
      const found = [...services.values()].filter(({ Name }) => filter === "" || wanted.includes(Name));
      return json(found.map(({ ID, Name }) => ({ Node: "node", ServiceID: ID, ServiceName: Name, Status: state(ID) })));
    }
    return new Response("", { status: 404 });
  }

  const listener: Listener = await platform.serveHttp!({ host: "127.0.0.1", port: 0 }, handle);
  const fake: FakeConsul = {
    port: listener.port,
    services,
    failing,
    requests,
    broken: undefined,
    brokenHealth: false,
    changed,
    async close() {
      waiting = [];
      await listener.close(0);
    },
  };
  return fake;
}
