import { compileGoRegexp } from "../../../src/kit/go-regexp.ts";

/** Matches a whole path; the answer are the variables in it, undefined when it does not match. */
export type RoutePattern = (path: string) => [name: string, value: string][] | undefined;

const quote = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** Begin and end of each outermost pair of braces. Throws when they do not pair up. */
function bracePairs(template: string): [from: number, to: number][] {
  const pairs: [number, number][] = [];
  let level = 0;
  let from = 0;
  for (let at = 0; at < template.length; at++) {
    if (template[at] === "{" && level++ === 0) from = at;
    if (template[at] === "}" && --level === 0) pairs.push([from, at + 1]);
    if (level < 0) break;
  }
  if (level !== 0) throw new Error(`unbalanced braces in "${template}"`);
  return pairs;
}

/** A pattern such as `/a/{id}/{rest:.+}`: without an expression a variable takes one segment. Throws an Error when it is malformed. */
export function createRoutePattern(template: string): RoutePattern {
  if (template !== "" && !template.startsWith("/")) throw new Error(`path must start with a slash, got "${template}"`);
  const names: string[] = [];
  let source = "^";
  let end = 0;
  for (const [from, to] of bracePairs(template)) {
    const inside = template.slice(from + 1, to - 1);
    const colon = inside.indexOf(":");
    const name = colon < 0 ? inside : inside.slice(0, colon);
    const expression = colon < 0 ? "[^/]+" : inside.slice(colon + 1);
    if (name === "" || expression === "") throw new Error(`missing name or pattern in "${template.slice(from, to)}"`);
    if (names.includes(name)) throw new Error(`duplicated route variable "${name}"`);
    source += `${quote(template.slice(end, from))}(${expression})`;
    names.push(name);
    end = to;
  }
  const pattern = compileGoRegexp(`${source}${quote(template.slice(end))}$`);
  const groups = (new RegExp(`${pattern.source}|`, pattern.flags).exec("")?.length ?? 1) - 1;
  if (groups !== names.length) throw new Error(`only groups that do not capture are accepted: (?:pattern)`);
  return (path) => {
    const found = pattern.exec(path);
    return found === null ? undefined : names.map((name, index) => [name, found[index + 1] ?? ""]);
  };
}
