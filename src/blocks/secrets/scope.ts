import type { SecretScope } from "./ports.ts";

/** Whether a scope lets the app read a secret: a list of allowed ones decides alone, then denied ones, then the default. */
export function isSecretAllowed(scope: SecretScope | undefined, name: string): boolean {
  if (scope === undefined) return true;
  if (scope.allowedSecrets.length > 0) return scope.allowedSecrets.includes(name);
  return !scope.deniedSecrets.includes(name) && scope.defaultAccess.toLowerCase() !== "deny";
}
