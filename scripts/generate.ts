import { generateCatalog } from "./gen-catalog.ts";
import { generateProto } from "./gen-proto.ts";

const check = process.argv.includes("--check");
const stale = [...generateCatalog({ check }), ...(await generateProto({ check }))];
// It reads what the others wrote.
const { generateReadme } = await import("./gen-readme.ts");
stale.push(...(await generateReadme({ check })));
if (check && stale.length > 0) {
  console.error(`Stale generated files, run "npm run generate":\n${stale.map((path) => `  ${path}`).join("\n")}`);
  process.exit(1);
}
for (const path of stale) console.log(`wrote ${path}`);
