import { normalizeHttpPath } from "./metric-path.ts";

/** Finds the configured pattern that a normalised path belongs to: its text, or the empty text for none. */
export type PathMatcher = (path: string) => string;

interface Pattern {
  readonly text: string;
  readonly segments: readonly string[];
  /** Matches everything below, too: the pattern ends in a slash or in `{name...}`. */
  readonly isTree: boolean;
}

const invokePrefix = "/v1.0/invoke/";

/**
 * A matcher for Configuration `metrics.http.pathMatching`: patterns in the form of Go's ServeMux (`/orders/{id}`, `/files/{rest...}`,
 * `/tree/`), the most specific one wins. Each pattern counts below service invocation as well. Null without patterns.
 */
export function createPathMatcher(paths: readonly string[]): PathMatcher | null {
  if (paths.length === 0) return null;
  const texts = new Set<string>();
  for (const path of paths) {
    const text = normalizeHttpPath(path);
    texts.add(text);
    if (!text.startsWith(invokePrefix)) texts.add(`${invokePrefix}{app_id}/method${text}`);
  }
  const patterns = [...texts].map(parsePattern).sort(bySpecificity);
  return (path) => {
    const segments = normalizeHttpPath(path).slice(1).split("/");
    return patterns.find((pattern) => fits(pattern, segments))?.text ?? "";
  };
}

function parsePattern(text: string): Pattern {
  const segments = text.slice(1).split("/");
  const last = segments.at(-1) ?? "";
  const isTree = last === "" || /^\{.*\.\.\.\}$/.test(last);
  if (isTree || last === "{$}") segments.pop();
  if (last === "{$}") segments.push("");
  return { text, segments, isTree };
}

const isWild = (segment: string): boolean => segment.startsWith("{") && segment.endsWith("}");

/** Literals before parameters, position by position; then the longer pattern, then one that is no tree. */
function bySpecificity(left: Pattern, right: Pattern): number {
  const shared = Math.min(left.segments.length, right.segments.length);
  for (let index = 0; index < shared; index++) {
    const difference = Number(isWild(left.segments[index] ?? "")) - Number(isWild(right.segments[index] ?? ""));
    if (difference !== 0) return difference;
  }
  return right.segments.length - left.segments.length || Number(left.isTree) - Number(right.isTree);
}

function fits(pattern: Pattern, segments: readonly string[]): boolean {
  const wanted = pattern.segments;
  // A tree also takes its own root without the slash, to which Go would redirect.
  if (pattern.isTree ? segments.length < wanted.length : segments.length !== wanted.length) return false;
  return wanted.every((segment, index) => (isWild(segment) ? segments[index] !== "" : segment === segments[index]));
}
