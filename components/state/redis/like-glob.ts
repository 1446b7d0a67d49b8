/** The pattern of SQL's LIKE as a glob of Redis: `%` any text, `_` one byte, `\` makes the next character plain. */
export function likeGlob(pattern: string): string {
  let glob = "";
  let isEscaped = false;
  for (const character of pattern) {
    if (!isEscaped && character === "\\") {
      isEscaped = true;
      continue;
    }
    if (!isEscaped && character === "%") glob += "*";
    else if (!isEscaped && character === "_") glob += "?";
    else glob += /[*?[\]\\]/.test(character) ? `\\${character}` : character;
    isEscaped = false;
  }
  return isEscaped ? `${glob}\\\\` : glob;
}
