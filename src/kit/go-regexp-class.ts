/** What of a set of characters is written in JavaScript's syntax: a body of `[…]`, without its negation. */
export interface CharacterSet {
  /** Written for the flag `u`; empty for the empty set. */
  readonly body: string;
  readonly negated: boolean;
}

type Range = readonly [from: number, to: number];
const lastPoint = 0x10ffff;

const digits: readonly Range[] = [[0x30, 0x39]];
const upper: Range = [0x41, 0x5a];
const lower: Range = [0x61, 0x7a];
const word: readonly Range[] = [...digits, upper, [0x5f, 0x5f], lower];
const named: Readonly<Record<string, readonly Range[]>> = {
  alnum: [...digits, upper, lower],
  alpha: [upper, lower],
  ascii: [[0, 0x7f]],
  blank: [
    [0x09, 0x09],
    [0x20, 0x20],
  ],
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: digits,
  graph: [[0x21, 0x7e]],
  lower: [lower],
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  upper: [upper],
  word,
  xdigit: [...digits, [0x41, 0x46], [0x61, 0x66]],
};
const perl: Readonly<Record<string, readonly Range[]>> = {
  d: digits,
  // Without the vertical tab, which the named class has.
  s: [
    [0x09, 0x0a],
    [0x0c, 0x0d],
    [0x20, 0x20],
  ],
  w: word,
};

const point = (code: number): string => `\\u{${code.toString(16)}}`;

/** The body for the characters of a range, its ends included. */
export const rangeBody = (from: number, to: number): string =>
  from === to ? point(from) : `${point(from)}-${point(to)}`;

const bodyOf = (ranges: readonly Range[]): string => ranges.map(([from, to]) => rangeBody(from, to)).join("");

/** The body for all that is in none of the ranges, which are in order. */
function complement(ranges: readonly Range[]): string {
  let next = 0;
  let body = "";
  for (const [from, to] of ranges) {
    if (from > next) body += rangeBody(next, from - 1);
    next = to + 1;
  }
  return next > lastPoint ? body : body + rangeBody(next, lastPoint);
}

function pick(table: Readonly<Record<string, readonly Range[]>>, name: string): readonly Range[] | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The set of `[:name:]` or `[:^name:]`; undefined when there is none. */
export function posixSet(name: string): CharacterSet | undefined {
  const negated = name.startsWith("^");
  const ranges = pick(named, negated ? name.slice(1) : name);
  return ranges && { body: bodyOf(ranges), negated };
}

/** The set of `\d`, `\s`, `\w` and their negations, by the letter; undefined when there is none. */
export function perlSet(letter: string): CharacterSet | undefined {
  const ranges = pick(perl, letter.toLowerCase());
  return ranges && { body: bodyOf(ranges), negated: letter !== letter.toLowerCase() };
}

/** The set of `\p{name}`; undefined when this host does not know it. */
export function propertySet(name: string, negated: boolean): CharacterSet | undefined {
  const property = /^(?:[A-Z][a-z]?|Any)$/.test(name) ? name : `Script=${name}`;
  const body = `\\p{${property}}`;
  try {
    new RegExp(body, "u");
  } catch {
    return undefined;
  }
  return { body, negated };
}

/** A set as a part of a body: the complement is written out. */
export function asPart({ body, negated }: CharacterSet): string {
  if (!negated) return body;
  if (body.startsWith("\\p")) return `\\P${body.slice(2)}`;
  const ranges = [...body.matchAll(/\\u\{([0-9a-f]+)\}(?:-\\u\{([0-9a-f]+)\})?/g)].map(
    ([, from = "", to = from]): Range => [Number.parseInt(from, 16), Number.parseInt(to, 16)],
  );
  return complement(ranges.sort(([a], [b]) => a - b));
}

/** Adds to bodies what differs from their characters in case only. It knows all letters after its first call. */
export function createFolder(): (body: string) => string {
  let cased: string[] | undefined;
  const done = new Map<string, string>();
  const allCased = (): string[] => {
    const found: string[] = [];
    for (let code = 0; code <= 0x1ffff; code++) {
      const letter = String.fromCodePoint(code);
      if (letter.toLowerCase() !== letter.toUpperCase()) found.push(letter);
    }
    return found;
  };
  return (body) => {
    let folded = done.get(body);
    if (folded !== undefined) return folded;
    cased ??= allCased();
    const any = new RegExp(`[${body}]`, "iu");
    const exact = new RegExp(`[${body}]`, "u");
    folded = body;
    for (const letter of cased)
      if (any.test(letter) && !exact.test(letter)) folded += point(letter.codePointAt(0) as number);
    done.set(body, folded);
    return folded;
  };
}
