/** The component type and the metadata that `spec.nameResolution` stands for. */
export function nameResolverOf(
  component: string,
  configuration: unknown,
): { readonly type: string; readonly configuration: ReadonlyMap<string, string> } {
  const name = component.toLowerCase();
  const type = name.startsWith("nameresolution.") ? name : `nameresolution.${name}`;
  if (typeof configuration !== "object" || configuration === null) return { type, configuration: new Map() };
  const entries = Object.entries(configuration).filter(([, value]) => value !== null && value !== undefined);
  return {
    type,
    configuration: new Map(
      entries.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
  };
}
