import { createHost } from "./host.ts";

const { process: control } = await createHost();
control!.stdout(`[${await control!.readStdin()}]`);
control!.exit(0);
