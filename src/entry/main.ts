import { catalog } from "../../components/catalog.gen.ts";
import { main } from "../cli/main.ts";
import { createBunPlatform } from "../platform/bun.ts";
import { version, wireVersion } from "./version.ts";

/** The executable: Bun's platform, every driver, roles loaded when they are asked for. */
const platform = createBunPlatform();
const release = platform.process?.hold();
const code = await main(
  {
    platform,
    catalog,
    version,
    wireVersion,
    createNode: async () => (await import("../runtime/node.ts")).createNode,
  },
  process.argv.slice(2),
  process.argv0,
);
release?.();
platform.process?.exit(code);
