const isWindowsPath = (path: string): boolean => /^[A-Za-z]:[\\/]/.test(path);

/** True for a path that means the same in every folder. */
export function isAbsolutePath(path: string): boolean {
  return path.startsWith("/") || path.startsWith("\\\\") || isWindowsPath(path);
}

/** The path as seen from the folder `base`, without `.` and `..`. `base` is absolute. */
export function absolutePath(base: string, path: string): string {
  const full = isAbsolutePath(path) ? path : `${base}/${path}`;
  const drive = isWindowsPath(full) ? full.slice(0, 2) : "";
  const kept: string[] = [];
  for (const part of full.slice(drive.length).split(drive === "" ? "/" : /[\\/]/)) {
    if (part === "..") kept.pop();
    else if (part !== "" && part !== ".") kept.push(part);
  }
  return `${drive}/${kept.join("/")}`;
}

/** A leading `~` stands for the home folder, as in a shell. */
export function expandHome(path: string, home: string): string {
  return path === "~" || path.startsWith("~/") ? `${home}${path.slice(1)}` : path;
}

/** The folder that a file of this path is in. */
export function folderOf(path: string): string {
  const cut = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return cut < 0 ? "." : cut === 0 ? "/" : path.slice(0, cut);
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}
