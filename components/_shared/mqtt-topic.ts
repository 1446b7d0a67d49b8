const shared = /^\$share\/[^/]+\/(.+)$/;

/** What a filter matches, without the group of a shared subscription. */
export function plainFilter(filter: string): string {
  return shared.exec(filter)?.[1] ?? filter;
}

/** Whether a filter wants a topic: `+` is one level, `#` all levels from there on and the one above. */
export function matchesTopic(filter: string, topic: string): boolean {
  const plain = plainFilter(filter);
  if (plain === topic) return true;
  const wanted = plain.split("/");
  const levels = topic.split("/");
  for (const [at, level] of wanted.entries()) {
    if (level === "#") return true;
    if (at >= levels.length || (level !== "+" && level !== levels[at])) return false;
  }
  return wanted.length === levels.length;
}
