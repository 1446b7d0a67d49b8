import type { YamlMap, YamlNode, YamlScalar } from "./node.ts";

interface Line {
  readonly indent: number;
  readonly text: string;
  readonly number: number;
}

// A text in which any other character stands (tabs, carriage returns, controls, surrogates) is not read here.
const foreign = /[^\n\x20-\x7e\u00a1-\u2027\u2030-\ud7ff]/;
const keyed = /^([A-Za-z_][\w./-]*):(?: +(.*))?$/;
const single = /^'((?:[^']|'')*)'(?: +#.*)?$/;
const double = /^"((?:[^"\\]|\\["\\nt])*)"(?: +#.*)?$/;
const word = /^(?:[\w/.$~+(<=^;]|-[\w.])/;
const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t" };

/** Thrown and caught here alone: the text uses more of YAML than this reader knows. */
class Beyond extends Error {}

const isDash = (line: Line | undefined): boolean =>
  line !== undefined && (line.text === "-" || line.text.startsWith("- "));

function readScalar(text: string, line: number): YamlNode {
  const quoted = single.exec(text)?.[1]?.replaceAll("''", "'");
  if (quoted !== undefined) return { kind: "scalar", text: quoted, plain: false, line };
  const escaped = double.exec(text)?.[1];
  if (escaped !== undefined) {
    const clear = escaped.replace(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter);
    return { kind: "scalar", text: clear, plain: false, line };
  }
  const bare = text.replace(/ +#.*$/, "");
  if (bare === "{}") return { kind: "map", pairs: [], line };
  if (bare === "[]") return { kind: "list", items: [], line };
  if (!word.test(bare) || /:(?: |$)/.test(bare) || bare.includes(" #")) throw new Beyond();
  return { kind: "scalar", text: bare, plain: true, line };
}

class PlainReader {
  readonly #lines: Line[];
  #at = 0;

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  root(): YamlNode {
    const first = this.#lines[0];
    if (first === undefined) return { kind: "scalar", text: "", plain: true, line: 0 };
    const node = this.#block(first);
    if (this.#at < this.#lines.length) throw new Beyond();
    return node;
  }

  #block(first: Line): YamlNode {
    return isDash(first) ? this.#list(first) : this.#map(first);
  }

  /** What stands below a key or a dash that has nothing beside it. */
  #below(parent: Line, alsoBeside: boolean): YamlNode {
    const next = this.#lines[this.#at];
    if (
      next !== undefined &&
      (next.indent > parent.indent || (alsoBeside && next.indent === parent.indent && isDash(next)))
    )
      return this.#block(next);
    return { kind: "scalar", text: "", plain: true, line: parent.number };
  }

  #map(first: Line): YamlMap {
    const pairs: { key: YamlScalar; value: YamlNode }[] = [];
    const names = new Set<string>();
    for (
      let line = this.#lines[this.#at];
      line?.indent === first.indent && !isDash(line);
      line = this.#lines[this.#at]
    ) {
      const match = keyed.exec(line.text);
      const name = match?.[1];
      if (name === undefined || names.has(name)) throw new Beyond();
      names.add(name);
      this.#at += 1;
      const rest = match?.[2] ?? "";
      const empty = rest === "" || rest.startsWith("#");
      const value = empty ? this.#below(line, true) : readScalar(rest, line.number);
      pairs.push({ key: { kind: "scalar", text: name, plain: true, line: line.number }, value });
    }
    this.#leave(first);
    return { kind: "map", pairs, line: first.number };
  }

  #list(first: Line): YamlNode {
    const items: YamlNode[] = [];
    for (
      let line = this.#lines[this.#at];
      line?.indent === first.indent && isDash(line);
      line = this.#lines[this.#at]
    ) {
      const text = line.text.slice(1).trimStart();
      if (text === "" || text.startsWith("#")) {
        this.#at += 1;
        items.push(this.#below(line, false));
      } else if (keyed.test(text)) {
        const inner = { indent: line.indent + line.text.length - text.length, text, number: line.number };
        this.#lines[this.#at] = inner;
        items.push(this.#map(inner));
      } else {
        this.#at += 1;
        items.push(readScalar(text, line.number));
      }
    }
    this.#leave(first);
    return { kind: "list", items, line: first.number };
  }

  /** After a block comes something further out, or the end: deeper lines would have continued a word. */
  #leave(first: Line): void {
    const next = this.#lines[this.#at];
    if (next !== undefined && next.indent > first.indent) throw new Beyond();
  }
}

/**
 * Reads a document that is written as almost all resource files are: block maps and lists of words and of text in quotes, a line each.
 * Answers undefined for every other text, right or wrong, which is then for a reader of all of YAML: loading and running that took
 * a fifth of the time from start to readiness, and 2 MB of heap.
 */
export function readPlain(text: string): YamlNode | undefined {
  if (foreign.test(text)) return undefined;
  const lines: Line[] = [];
  for (const [number, whole] of text.split("\n").entries()) {
    const content = whole.trim();
    if (content === "" || content.startsWith("#") || (number === 0 && whole.trimEnd() === "---")) continue;
    lines.push({ indent: whole.length - whole.trimStart().length, text: content, number });
  }
  try {
    return new PlainReader(lines).root();
  } catch (error) {
    if (error instanceof Beyond) return undefined;
    throw error;
  }
}
