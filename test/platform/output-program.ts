import { createHost } from "./host.ts";

const { process: control } = await createHost();
for (let line = 0; line < 20_000; line += 1) control!.stdout(`line ${line} é\n`);
control!.stderr("last words\n");
control!.exit(5);
