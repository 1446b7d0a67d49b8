import type { Route } from "./route.ts";

/** A route with the names of its parameters, in the order of the values that `find` gives. */
export interface RouteMatch {
  readonly route: Route;
  readonly names: readonly string[];
}

/** Finds the route of a verb and a cleaned, still escaped path. */
export interface Router {
  /** Puts the raw parameter values into `values`; undefined when no route fits. */
  find(method: string, path: string, values: string[]): RouteMatch | undefined;
}

interface Literal {
  readonly text: string;
  readonly node: Node;
}

interface Node {
  readonly literals: Literal[];
  parameter: Node | null;
  readonly ends: Map<string, RouteMatch>;
  /** Matches of a last `*name`. */
  readonly rests: Map<string, RouteMatch>;
}

const emptyNode = (): Node => ({ literals: [], parameter: null, ends: new Map(), rests: new Map() });

/**
 * A tree of path segments. A literal segment wins over a parameter and that over a rest, and a branch that has no route for the
 * verb is given up for the next one. Hono's fast router was weighed: it refuses a literal beside a parameter (`/:store/bulk`).
 */
export function createRouter(routes: readonly Route[]): Router {
  const root = emptyNode();
  for (const route of routes) addRoute(root, route);
  return { find: (method, path, values) => walk(root, method, path, 1, values) };
}

function addRoute(root: Node, route: Route): void {
  let node = root;
  const names: string[] = [];
  const segments = `${route.version}${route.path}`.split("/");
  for (const [index, segment] of segments.entries()) {
    if (segment.startsWith("*")) {
      if (index !== segments.length - 1) throw new Error(`route "${route.path}" goes on after "${segment}"`);
      names.push(segment.slice(1));
      register(node.rests, route, names);
      return;
    }
    if (segment.startsWith(":")) {
      names.push(segment.slice(1));
      node = node.parameter ??= emptyNode();
    } else {
      let next = node.literals.find((literal) => literal.text === segment);
      if (next === undefined) node.literals.push((next = { text: segment, node: emptyNode() }));
      node = next.node;
    }
  }
  register(node.ends, route, names);
}

function register(into: Map<string, RouteMatch>, route: Route, names: readonly string[]): void {
  for (const method of route.methods) {
    if (into.has(method)) throw new Error(`two routes for ${method} "/${route.version}${route.path}"`);
    into.set(method, { route, names });
  }
}

/** Compares in place: cutting the path into segments and looking those up costs more than going through a few literals. */
function walk(node: Node, method: string, path: string, from: number, values: string[]): RouteMatch | undefined {
  if (from > path.length) return node.ends.get(method);
  const slash = path.indexOf("/", from);
  const end = slash < 0 ? path.length : slash;
  for (const { text, node: next } of node.literals) {
    if (from + text.length !== end || !path.startsWith(text, from)) continue;
    const found = walk(next, method, path, end + 1, values);
    if (found !== undefined) return found;
    break;
  }
  if (node.parameter !== null) {
    values.push(path.slice(from, end));
    const found = walk(node.parameter, method, path, end + 1, values);
    if (found !== undefined) return found;
    values.pop();
  }
  const rest = node.rests.get(method);
  if (rest !== undefined) values.push(path.slice(from));
  return rest;
}
