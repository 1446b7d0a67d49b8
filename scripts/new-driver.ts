import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { secretStoresTemplate } from "./driver-templates/secretstores.ts";
import { stateTemplate } from "./driver-templates/state.ts";
import type { DriverTemplate } from "./driver-templates/template.ts";
import { generateCatalog } from "./gen-catalog.ts";
import { root } from "./shell.ts";

/** Categories that have a conformance suite to grow a driver against. */
const templates: Readonly<Record<string, DriverTemplate>> = {
  state: stateTemplate,
  secretstores: secretStoresTemplate,
};

/** What was written, and what comes next. */
export interface NewDriver {
  readonly files: readonly string[];
  readonly steps: readonly string[];
}

/** Writes the files of a new driver below `folder`, and the catalog with it. Throws for names that cannot be, and before it would overwrite anything. */
export function createDriver(category: string, name: string, folder = root): NewDriver {
  const template = Object.hasOwn(templates, category) ? templates[category] : undefined;
  if (template === undefined)
    throw new Error(`cannot make a driver of category "${category}", known: ${Object.keys(templates).join(", ")}`);
  if (!/^[a-z0-9]+(?:[.-][a-z0-9]+)*$/.test(name))
    throw new Error(`cannot make a driver named "${name}": use small letters, digits, dots and dashes`);
  const place = `components/${category}/${name}`;
  if (existsSync(join(folder, place))) throw new Error(`cannot make "${place}": it is there already`);
  const names = { type: `${category}.${name}`, name };
  const texts = {
    [`${place}/${name}.ts`]: template.source(names),
    [`${place}/${name}.test.ts`]: template.test(names),
  };
  mkdirSync(join(folder, place), { recursive: true });
  for (const [path, text] of Object.entries(texts)) writeFileSync(join(folder, path), text);
  return {
    files: [...Object.keys(texts), ...generateCatalog({ check: false, folder })],
    steps: [
      `describe the metadata in ${place}/${name}.ts; ${template.contract} says what each method promises`,
      `write the methods until "node_modules/.bin/bun test ${place}" passes; name features and traits there as they come (${template.suite})`,
      `run "npm run check"`,
    ],
  };
}

if (import.meta.main) {
  const [category, name, ...more] = process.argv.slice(2);
  if (category === undefined || name === undefined || more.length > 0) {
    console.error(`usage: npm run new-driver -- CATEGORY NAME   (categories: ${Object.keys(templates).join(", ")})`);
    process.exit(2);
  }
  try {
    const { files, steps } = createDriver(category, name);
    for (const path of files) console.log(`wrote ${path}`);
    console.log(`\nNext:\n${steps.map((step, index) => `${index + 1}. ${step}`).join("\n")}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}
