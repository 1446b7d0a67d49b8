/** A component that did not come up, worded as upstream words it (`pkg/runtime/errors/init.go`), because tools match on it. */
export class InitError extends Error {
  readonly stage: "init" | "creation";
  constructor(stage: "init" | "creation", entity: string, cause: string) {
    const kind = stage === "init" ? "INIT_COMPONENT_FAILURE" : "CREATE_COMPONENT_FAILURE";
    super(`[${kind}]: initialization error occurred for ${entity}: ${cause}`);
    this.name = "InitError";
    this.stage = stage;
  }
}
