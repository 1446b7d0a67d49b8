const utf8 = new TextDecoder();

/** Undoes percent escapes once; bytes that are no UTF-8 become replacement characters. Malformed escapes stay as they are. */
export function unescapePath(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) =>
      utf8.decode(Uint8Array.from(run.slice(1).split("%"), (digits) => Number.parseInt(digits, 16))),
    );
  }
}

/** As `unescapePath`, and `+` is a space: the rule of queries, which also holds for path parameters. */
export function unescapeQuery(text: string): string {
  return unescapePath(text.includes("+") ? text.replaceAll("+", " ") : text);
}
