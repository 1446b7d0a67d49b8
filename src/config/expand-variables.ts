/** Fills `$NAME` and `${NAME}` in, an unknown name becomes nothing. compat: Go's os.ExpandEnv, with its rules for odd spellings */
export function expandVariables(text: string, value: (name: string) => string | undefined): string {
  const reference = /\$(?:\{([^}]*)\}|(\{)|([*#$@!?\-0-9])|(\w+))/g;
  return text.replace(reference, (_whole, braced?: string, _open?: string, special?: string, word?: string) => {
    const name = braced ?? special ?? word ?? "";
    return name === "" ? "" : (value(name) ?? "");
  });
}
