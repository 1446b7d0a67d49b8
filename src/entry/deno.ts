import process from "node:process";
import { createDenoPlatform } from "../platform/deno.ts";
import { start } from "./start.ts";

// The same program from source on Deno: `deno run -A src/entry/deno.ts run …`.
await start(createDenoPlatform(), process.argv.slice(2), "pillion");
