import { createNodePlatform } from "../platform/node.ts";
import { start } from "./start.ts";

// The same program from source on Node: `node src/entry/node.ts run …`.
await start(createNodePlatform(), process.argv.slice(2), "pillion", process.execArgv);
