const named: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7F",
  blank: "\\t ",
  cntrl: "\\x00-\\x1F\\x7F",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
const quote = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
/** Tokens whose spelling differs between the two languages, or that only one of them has. */
const different =
  /\\Q([\s\S]*?)(?:\\E|$)|\\(?:([Az])|p([A-Z])|P([A-Z])|([1-9])|([\s\S]))|\[:(\^?[a-z]+):\]|(\(\?P<)|(\(\?<?[=!])|([\s\S])/g;

/** A regular expression in Go's syntax, compiled. Throws an Error for what Go or this host does not know. */
export function compileGoRegexp(source: string): RegExp {
  const lead = /^\(\?([ims]+)\)/.exec(source);
  const refuse = (what: string): never => {
    throw new Error(`error parsing regexp: invalid or unsupported syntax: \`${what}\``);
  };
  let needsUnicode = false;
  const text = source
    .slice(lead?.[0].length ?? 0)
    .replace(different, (token, quoted, edge, property, negated, back, _escaped, posix, group, look) => {
      if (quoted !== undefined) return quote(quoted);
      if (edge !== undefined) return edge === "A" ? "(?<![\\s\\S])" : "(?![\\s\\S])";
      if (property !== undefined || negated !== undefined) needsUnicode = true;
      if (property !== undefined) return `\\p{${property}}`;
      if (negated !== undefined) return `\\P{${negated}}`;
      if (back !== undefined || look !== undefined) return refuse(token);
      if (posix !== undefined) return named[posix] ?? refuse(token);
      if (token === "\\p" || token === "\\P") needsUnicode = true;
      return group === undefined ? token : "(?<";
    });
  const flags = lead?.[1] ?? "";
  try {
    return new RegExp(text, `${flags}u`);
  } catch (cause) {
    // In Unicode mode only syntax characters may be escaped; Go lets every punctuation be.
    if (needsUnicode) throw new Error(`error parsing regexp: \`${source}\``, { cause });
  }
  try {
    return new RegExp(text, flags);
  } catch (cause) {
    throw new Error(`error parsing regexp: \`${source}\``, { cause });
  }
}
