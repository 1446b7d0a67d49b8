/** The pattern of SQL's LIKE as a regular expression: `%` any text, `_` one character, `\` makes the next one plain. */
export function likeExpression(pattern: string): RegExp {
  let source = "";
  let isEscaped = false;
  for (const character of pattern) {
    if (!isEscaped && character === "\\") isEscaped = true;
    else if (!isEscaped && character === "%") source += "[^\\n]*";
    else if (!isEscaped && character === "_") source += "[^\\n]";
    else {
      source += character.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
      isEscaped = false;
    }
  }
  if (isEscaped) source += "\\\\";
  return new RegExp(`^${source}$`, "u");
}
