/** Where the quoted text that begins at `from` ends; -1 when it does not. */
function closingQuote(text: string, from: number): number {
  const quote = text[from];
  for (let at = from + 1; at < text.length; at++) {
    if (quote === '"' && text[at] === "\\") at++;
    else if (text[at] === quote) {
      if (quote === '"' || text[at + 1] !== quote) return at;
      at++;
    }
  }
  return -1;
}

/** Where the quoted text began that a reader had not seen the end of at `until`; -1 when that is not to be found. */
function openingQuote(text: string, quote: string, until: number): number {
  for (let at = text.lastIndexOf(quote, until - 1); at >= 0; at = text.lastIndexOf(quote, at - 1)) {
    if (quote === "'" && text[at - 1] === quote) at--;
    else if (quote === "'" || (/\\*$/.exec(text.slice(0, at))?.[0].length ?? 0) % 2 === 0) return at;
    if (at === 0) break;
  }
  return -1;
}

/**
 * compat: Go's reader takes the lines of quoted text however they are indented, YAML wants them deeper than their key. Given the
 * reader's complaint of a quote without an end, answers the document with the lines of that text indented far enough, which does not
 * change what it says; undefined when that would not help.
 */
export function indentQuoted(text: string, quote: string, faultAt: number): string | undefined {
  const from = openingQuote(text, quote, faultAt);
  const to = from < 0 ? -1 : closingQuote(text, from);
  if (to < faultAt) return undefined;
  const inside = text.slice(from, to).replace(/\n[ \t]*(?=[^\s])/g, `\n${" ".repeat(64)}`);
  // The closing quote may stand on a line of its own.
  const indented = inside.replace(/\n[ \t]*$/, `\n${" ".repeat(64)}`);
  return indented.length > to - from ? text.slice(0, from) + indented + text.slice(to) : undefined;
}
