import type { Catalog } from "../driver/define.ts";
import type { Platform } from "../platform/types.ts";
import type { createNode } from "../runtime/node.ts";

/** What the command line works with. The entry gives it; commands take from it what they need. */
export interface Program {
  readonly platform: Platform;
  readonly catalog: Catalog;
  /** Version of Pillion. */
  readonly version: string;
  /** Release of upstream whose wire is spoken; what APIs report as runtime version. */
  readonly wireVersion: string;
  /** Makes the node that serves sidecars; loaded when a command needs it. */
  readonly createNode: () => Promise<typeof createNode>;
}
