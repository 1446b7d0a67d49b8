import { createBunPlatform } from "../platform/bun.ts";
import { start } from "./start.ts";

// The executable: Bun's platform, every driver, roles loaded when they are asked for.
await start(createBunPlatform(), process.argv.slice(2), process.argv0, process.execArgv);
