import { ptr } from "bun:ffi";
import { check, libc } from "./libc.ts";
import { nativeBuffer } from "./native-buffer.ts";

const capacity = 256;
// The kernel packs this struct on x64 only: 12 bytes there, 16 elsewhere.
const words = process.arch === "x64" ? 3 : 4;
const dataWord = process.arch === "x64" ? 1 : 2;
const IN = 1;
const OUT = 4;

/** Waits for many descriptors at once: `wait` gives how many are ready, `fd(i)` and `writable(i)` tell which and why. */
export const createPoller = () => {
  const epoll = check("epoll_create1", libc.epoll_create1(0));
  const events = new Int32Array(nativeBuffer(capacity * words * 4));
  const eventsAt = ptr(events);
  const one = new Int32Array(nativeBuffer(16));
  const oneAt = ptr(one);
  const control = (operation: number, fd: number, mask: number) => {
    one[0] = mask;
    one[dataWord] = fd;
    return libc.epoll_ctl(epoll, operation, fd, oneAt);
  };
  return {
    add: (fd: number) => check("epoll_ctl", control(1, fd, IN)),
    /** Also report when the descriptor takes bytes again, or stop doing so. */
    watchWrites: (fd: number, on: boolean) => check("epoll_ctl", control(3, fd, on ? IN | OUT : IN)),
    remove: (fd: number) => control(2, fd, 0),
    wait: (milliseconds: number): number => libc.epoll_wait(epoll, eventsAt, capacity, milliseconds),
    fd: (index: number): number => events[index * words + dataWord] as number,
    writable: (index: number): boolean => ((events[index * words] as number) & OUT) !== 0,
    readable: (index: number): boolean => ((events[index * words] as number) & ~OUT) !== 0,
  };
};

/** What `createPoller` returns. */
export type Poller = ReturnType<typeof createPoller>;

/** A descriptor that becomes readable first after `delay` and then each `period` nanoseconds, on the monotonic clock. */
export const createTicker = () => {
  const fd = check("timerfd_create", libc.timerfd_create(1, 0x800));
  const times = new BigInt64Array(nativeBuffer(32));
  const timesAt = ptr(times);
  const counter = new BigUint64Array(nativeBuffer(8));
  const counterAt = ptr(counter);
  return {
    fd,
    start: (delay: number, period: number) => {
      times[0] = BigInt(Math.floor(period / 1e9));
      times[1] = BigInt(Math.floor(period % 1e9));
      times[2] = BigInt(Math.floor(delay / 1e9));
      times[3] = BigInt(Math.floor(delay % 1e9));
      check("timerfd_settime", libc.timerfd_settime(fd, 0, timesAt, null));
    },
    clear: () => libc.read(fd, counterAt, 8),
  };
};
