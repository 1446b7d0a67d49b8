/** A value as YAML text, with its end of line. */
export async function formatYaml(value: unknown): Promise<string> {
  const { stringify } = await import("yaml");
  return stringify(value);
}
