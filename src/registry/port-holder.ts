import type { Files } from "../platform/types.ts";

/** A process of this machine. */
export interface PortHolder {
  readonly pid: number;
  readonly name: string;
}

/** Inodes of the sockets that listen on a TCP port, in the way links name them. */
async function listeningSockets(files: Files, port: number): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => files.readText(path).catch(() => "")),
  );
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = tables.flatMap((table) => table.split("\n")).map((line) => line.trim().split(/\s+/));
  return new Set(
    rows.filter((fields) => fields[3] === "0A" && fields[1]?.endsWith(wanted)).map((fields) => `socket:[${fields[9]}]`),
  );
}

/** The process that listens on a TCP port, on Linux and as far as we may see it; undefined otherwise. Never throws. */
export async function portHolder(files: Files, port: number): Promise<PortHolder | undefined> {
  const sockets = await listeningSockets(files, port);
  if (sockets.size === 0) return undefined;
  for (const { name: pid } of await files.list("/proc").catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    for (const { name: descriptor } of await files.list(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await files.readLink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      if (!sockets.has(target)) continue;
      const name = await files.readText(`/proc/${pid}/comm`).catch(() => "");
      return { pid: Number(pid), name: name.trim() };
    }
  }
  return undefined;
}
