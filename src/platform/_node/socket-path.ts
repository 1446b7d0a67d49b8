import { lstat, unlink } from "node:fs/promises";

/** Removes a socket file that a dead process left behind. Fails when someone listens there or the path is another kind of file. */
export async function prepareSocketPath(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return;
  if (!found.isSocket()) throw new Error(`listening on "${path}" failed: a file that is not a socket is there`);
  const alive = await new Promise<boolean>((resolve) => {
    const probe = process.getBuiltinModule("node:net").connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (alive) throw new Error(`listening on "${path}" failed: another process listens there`);
  await unlink(path);
}
