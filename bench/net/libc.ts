import { dlopen, type Pointer, read } from "bun:ffi";

const signatures = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  accept4: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
  read: { args: ["i32", "ptr", "usize"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  timerfd_create: { args: ["i32", "i32"], returns: "i32" },
  timerfd_settime: { args: ["i32", "i32", "ptr", "ptr"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
} as const;

const candidates = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

const load = () => {
  if (process.platform !== "linux")
    throw new Error(`The bench needs Linux (epoll, timerfd, /proc), not "${process.platform}"`);
  for (const name of candidates) {
    try {
      return dlopen(name, signatures).symbols;
    } catch {
      // the next name belongs to another C library
    }
  }
  throw new Error(`Opening the C library failed, tried ${candidates.join(", ")}`);
};

/** The C library's socket, epoll and timer calls: a call costs little more than the system call itself. */
export const libc = load();

/** The error number of the last failed call of this thread. */
export const errno = (): number => read.i32(libc.__errno_location() as Pointer, 0);

/** Throws with the call's name and error number when a C call answered below zero, else gives its answer back. */
export const check = (call: string, answer: number): number => {
  if (answer < 0) throw new Error(`${call} failed with errno ${errno()}`);
  return answer;
};
