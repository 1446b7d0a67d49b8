import { hostPlatform } from "../harness/host-platform.ts";

/** Starts two guarded children with a child each, prints the process ids and waits to be killed. */
const { process: control } = await hostPlatform();
if (control === undefined) throw new Error("this host has no processes");
const script = "sleep 600 & echo $$ $!; sleep 600";
for (let count = 0; count < 2; count += 1) {
  const child = control.spawn(["sh", "-c", script], { guarded: true, stdout: "pipe" });
  const reader = child.stdout?.getReader();
  let text = "";
  while (!text.endsWith("\n")) {
    const { value, done } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  control.stdout(`pids ${text.trim()}\n`);
}
control.stdout("started\n");
control.hold();
