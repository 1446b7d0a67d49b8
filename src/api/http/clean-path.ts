const malformedEscape = /%(?![0-9a-fA-F]{2})/;

/**
 * compat: an escaped path as routing sees it: repeated slashes and dot segments collapse and a trailing slash goes, as Go's
 * path.Clean does. Escaped dots (`%2e%2e`) are not touched.
 */
export function cleanPath(path: string): string {
  const last = path.length - 1;
  if (last <= 0) return path === "" ? "/" : path;
  if (path.charCodeAt(last) !== 47 && !path.includes("//") && !path.includes("/.")) return path;
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") kept.pop();
    else kept.push(segment);
  }
  return `/${kept.join("/")}`;
}

/** True when a percent sign is not followed by two hexadecimal digits. */
export function hasMalformedEscape(path: string): boolean {
  return path.includes("%") && malformedEscape.test(path);
}
