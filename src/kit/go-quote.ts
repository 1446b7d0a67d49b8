const named: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\u000b": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};
const plain = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
/** Most texts: ASCII without a quote, a backslash or a control character. */
const asItIs = /^[ !#-[\]-~]*$/;

function escapeCharacter(character: string): string {
  const short = named[character];
  if (short !== undefined) return short;
  if (plain.test(character)) return character;
  const code = character.codePointAt(0)!;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}

/** compat: a text in double quotes as Go's `%q` prints it, which upstream's messages use. */
export function goQuote(text: string): string {
  if (asItIs.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const character of text.toWellFormed()) quoted += escapeCharacter(character);
  return `${quoted}"`;
}
