import {
  asPart,
  type CharacterSet,
  createFolder,
  perlSet,
  posixSet,
  propertySet,
  rangeBody,
} from "./go-regexp-class.ts";

interface Flags {
  readonly fold: boolean;
  readonly lines: boolean;
  readonly dotAll: boolean;
  readonly lazy: boolean;
}
const mostRepeats = 1000;
const lastPoint = 0x10ffff;
const controls: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const edges: Readonly<Record<string, string>> = {
  A: "(?<![\\s\\S])",
  z: "(?![\\s\\S])",
  b: "(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))",
  B: "(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))",
};

function fail(what: string, where: string): never {
  throw new Error(`error parsing regexp: ${what}: \`${where}\``);
}

/**
 * A regular expression in Go's syntax (RE2), compiled: it finds what Go's finds. Throws an Error that begins with "error parsing
 * regexp" for what Go refuses.
 */
export function compileGoRegexp(source: string): RegExp {
  const plain = new Translation(source, undefined);
  const text = plain.run();
  if (!plain.isMixed) return new RegExp(text, plain.hasFolded ? "iu" : "u");
  // portable: `(?i:…)` is not in every runtime.
  return new RegExp(new Translation(source, createFolder()).run(), "u");
}

/** One way through a source. */
class Translation {
  hasFolded = false;
  readonly #source: string;
  /** Present: letters of any case are written out, because they are not wanted everywhere. */
  readonly #fold: ((body: string) => string) | undefined;
  #at = 0;
  #out = "";
  #hasExact = false;
  #flags: Flags = { fold: false, lines: false, dotAll: false, lazy: false };
  /** Whether there is something to repeat, and whether it is repeated already. */
  #canRepeat = false;
  #lastRepeat: number | undefined;

  constructor(source: string, fold: ((body: string) => string) | undefined) {
    this.#source = source;
    this.#fold = fold;
  }

  /** Some parts distinguish upper and lower case and some do not. */
  get isMixed(): boolean {
    return this.hasFolded && this.#hasExact;
  }

  run(): string {
    const outer: Flags[] = [];
    for (;;) {
      const start = this.#at;
      const char = this.#take();
      if (char === "") break;
      const lastRepeat = this.#lastRepeat;
      this.#lastRepeat = undefined;
      if (char === "(") this.#open(start, outer, lastRepeat);
      else if (char === ")") {
        const flags = outer.pop() ?? fail("unexpected )", this.#source);
        this.#flags = flags;
        this.#put(")");
      } else if (char === "|") {
        this.#out += "|";
        this.#canRepeat = false;
      } else if (char === "[") this.#put(this.#written(this.#readClass(start)));
      else if (char === ".") this.#put(this.#flags.dotAll ? "[\\s\\S]" : "[^\\n]");
      else if (char === "^") this.#put(`(?:${this.#flags.lines ? "(?<![^\\n])" : edges["A"]})`);
      else if (char === "$") this.#put(`(?:${this.#flags.lines ? "(?![^\\n])" : edges["z"]})`);
      else if (char === "\\") this.#escaped(start);
      else if (!this.#repeat(char, start, lastRepeat)) this.#literal(char);
    }
    if (outer.length > 0) fail("missing closing )", this.#source);
    return this.#out;
  }

  /** The next character; empty at the end. */
  #take(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) return "";
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    return char;
  }

  /** What the pattern finds here, if it does, is taken. Sticky. */
  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found !== null) this.#at = pattern.lastIndex;
    return found;
  }

  #since(start: number): string {
    return this.#source.slice(start, this.#at);
  }

  #put(text: string): void {
    this.#out += text;
    this.#canRepeat = true;
  }

  #literal(char: string): void {
    const code = char.codePointAt(0) as number;
    this.#put(
      this.#written({ body: rangeBody(code, code), negated: false }, char.toLowerCase() !== char.toUpperCase()),
    );
  }

  #written({ body, negated }: CharacterSet, hasCase = true): string {
    if (hasCase && this.#flags.fold) this.hasFolded = true;
    else if (hasCase) this.#hasExact = true;
    const all = hasCase && this.#flags.fold && this.#fold !== undefined ? this.#fold(body) : body;
    return `[${negated ? "^" : ""}${all}]`;
  }

  #open(start: number, outer: Flags[], lastRepeat: number | undefined): void {
    const before = this.#flags;
    if (this.#source[this.#at] !== "?") {
      outer.push(before);
      this.#out += "(";
      this.#canRepeat = false;
      return;
    }
    const name = this.#match(/\?P?<([^>]*)(>?)/y);
    if (name !== null) {
      if (name[2] === "") fail("invalid named capture", this.#source.slice(start));
      if (!/^[0-9A-Za-z_]+$/.test(name[1] ?? "")) fail("invalid named capture", this.#since(start));
      outer.push(before);
      this.#out += "(";
      this.#canRepeat = false;
      return;
    }
    const given = this.#match(/\?([imsU]*)(?:-([imsU]+))?([:)])/y);
    if (given === null) {
      this.#at += 2;
      fail("invalid or unsupported Perl syntax", this.#since(start));
    }
    const [, on = "", off = "", end] = given;
    const flag = (letter: string, was: boolean): boolean => !off.includes(letter) && (was || on.includes(letter));
    this.#flags = {
      fold: flag("i", before.fold),
      lines: flag("m", before.lines),
      dotAll: flag("s", before.dotAll),
      lazy: flag("U", before.lazy),
    };
    if (end === ")") {
      // Go repeats what is repeated before flags once more; here that is refused.
      this.#lastRepeat = lastRepeat;
      return;
    }
    outer.push(before);
    this.#out += "(?:";
    this.#canRepeat = false;
  }

  /** False: the character is no repetition. */
  #repeat(char: string, start: number, lastRepeat: number | undefined): boolean {
    let operator = char;
    if (char === "{") {
      const counts = this.#match(/(\d+)(?:(,)(\d*))?\}/y);
      if (counts === null) return false;
      const [, least = "", , most = ""] = counts;
      const tooMany = Number(least) > mostRepeats || Number(most) > mostRepeats;
      if (tooMany || (most !== "" && Number(most) < Number(least))) fail("invalid repeat count", this.#since(start));
      operator = this.#since(start);
    } else if (!"*+?".includes(char)) return false;
    const isLazy = this.#source[this.#at] === "?";
    if (isLazy) this.#at += 1;
    if (lastRepeat !== undefined) fail("invalid nested repetition operator", this.#source.slice(lastRepeat, this.#at));
    if (!this.#canRepeat) fail("missing argument to repetition operator", this.#since(start));
    this.#out += isLazy === this.#flags.lazy ? operator : `${operator}?`;
    this.#lastRepeat = start;
    return true;
  }

  #escaped(start: number): void {
    const next = this.#source[this.#at] ?? "";
    const edge = Object.hasOwn(edges, next) ? edges[next] : undefined;
    if (edge !== undefined) {
      this.#at += 1;
      // The letters in it are those of ASCII alone.
      if (next === "b" || next === "B") this.#hasExact = true;
      this.#put(`(?:${edge})`);
      return;
    }
    if (next === "Q") {
      this.#at += 1;
      const end = this.#source.indexOf("\\E", this.#at);
      const quoted = this.#source.slice(this.#at, end < 0 ? undefined : end);
      this.#at = end < 0 ? this.#source.length : end + 2;
      for (const char of quoted) this.#literal(char);
      return;
    }
    const set = this.#readSet(start);
    if (set === undefined) this.#literal(String.fromCodePoint(this.#readEscape(start)));
    else this.#put(this.#written(set));
  }

  /** The set of an escape behind its backslash; undefined, and nothing taken, when it is a single character. */
  #readSet(start: number): CharacterSet | undefined {
    const property = this.#match(/([pP])(?:\{(\^?)([^}]*)\}|([^{]))/uy);
    if (property !== null) {
      const [, letter, caret, name = "", short] = property;
      return (
        propertySet(short ?? name, (letter === "P") !== (caret === "^")) ??
        fail("invalid character class range", this.#since(start))
      );
    }
    const set = perlSet(this.#source[this.#at] ?? "");
    if (set !== undefined) this.#at += 1;
    return set;
  }

  /** The code point of an escape behind its backslash. */
  #readEscape(start: number): number {
    const hexadecimal = this.#match(/x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/y);
    if (hexadecimal !== null) {
      const code = Number.parseInt(hexadecimal[1] ?? hexadecimal[2] ?? "", 16);
      return code <= lastPoint ? code : fail("invalid escape sequence", this.#since(start));
    }
    const octal = this.#match(/[1-7][0-7]{1,2}|0[0-7]{0,2}/y);
    if (octal !== null) return Number.parseInt(octal[0], 8);
    const char = this.#take();
    if (char === "") fail("trailing backslash at end of expression", "");
    const control = Object.hasOwn(controls, char) ? controls[char] : undefined;
    if (control !== undefined) return control;
    const code = char.codePointAt(0) as number;
    if (code >= 0x80 || /[0-9A-Za-z]/.test(char)) fail("invalid escape sequence", this.#since(start));
    return code;
  }

  /** A class behind its bracket. */
  #readClass(start: number): CharacterSet {
    const negated = this.#match(/\^/y) !== null;
    let body = "";
    let isFirst = true;
    const point = (): number => {
      if (this.#at >= this.#source.length) fail("missing closing ]", this.#source.slice(start));
      const from = this.#at;
      const char = this.#take();
      return char === "\\" ? this.#readEscape(from) : (char.codePointAt(0) as number);
    };
    const part = (set: CharacterSet): void => {
      // Its complement is that of all cases.
      if (set.negated && this.#flags.fold) this.#hasExact = true;
      body += asPart(set.negated && this.#flags.fold && this.#fold ? { ...set, body: this.#fold(set.body) } : set);
    };
    while (isFirst || this.#source[this.#at] !== "]") {
      isFirst = false;
      const from = this.#at;
      const name = this.#match(/\[:([^:\]]*):\]/y);
      if (name !== null) {
        part(posixSet(name[1] ?? "") ?? fail("invalid character class range", this.#since(from)));
        continue;
      }
      if (this.#source[this.#at] === "\\") {
        this.#at += 1;
        const set = this.#readSet(from);
        if (set !== undefined) {
          part(set);
          continue;
        }
        this.#at = from;
      }
      const low = point();
      const isRange = this.#match(/-(?!\])/y) !== null;
      const high = isRange ? point() : low;
      if (high < low) fail("invalid character class range", this.#since(from));
      body += rangeBody(low, high);
    }
    this.#at += 1;
    return { body, negated };
  }
}
