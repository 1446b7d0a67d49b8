import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { GrpcPart } from "./part.ts";

/** One RPC of a served service. */
export interface MethodEntry {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly service: DescService;
  readonly method: DescMethod;
  /** Absent: no part claims it and it answers UNIMPLEMENTED. */
  readonly implement?: (request: unknown, context: unknown) => unknown;
}

export interface MethodTable {
  readonly methods: ReadonlyMap<string, MethodEntry>;
  /** In the order of the parts. */
  readonly services: readonly DescService[];
}

/** Merges the parts into one table. Throws when two claim one RPC, and on a name that the service does not have. */
export function mergeParts(parts: readonly GrpcPart[]): MethodTable {
  const services = new Map<string, DescService>();
  const claimed = new Map<string, MethodEntry["implement"]>();
  for (const { service, methods } of parts) {
    services.set(service.typeName, service);
    for (const [name, implement] of Object.entries(methods)) {
      const method = service.method[name];
      if (method === undefined) throw new Error(`Serving "${service.typeName}" failed: it has no method "${name}"`);
      if (typeof implement !== "function") continue;
      const path = methodPath(method);
      if (claimed.has(path)) throw new Error(`Serving "${path}" failed: two parts claim it`);
      claimed.set(path, implement.bind(methods) as MethodEntry["implement"]);
    }
  }
  const methods = new Map<string, MethodEntry>();
  for (const service of services.values()) {
    for (const method of service.methods) {
      const path = methodPath(method);
      const implement = claimed.get(path);
      methods.set(path, implement === undefined ? { path, service, method } : { path, service, method, implement });
    }
  }
  return { methods, services: [...services.values()] };
}

/** `/package.Service/Method`. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}
