import { connect, createServer, type Socket } from "node:net";
import type { Random } from "../../src/kit/random.ts";

/** What a relay does to the connections that go through it. */
export type RelayFault = "cut" | "stall" | "half-close" | "refuse";

/** A TCP relay that can misbehave. */
export interface Relay {
  readonly port: number;
  readonly open: number;
  readonly faults: Readonly<Record<RelayFault, number>>;
  /** Does harm at random moments until told to stop; stalls end by themselves after at most 3 s. */
  misbehave(random: Random): () => void;
  close(): Promise<void>;
}

interface Link {
  readonly near: Socket;
  readonly far: Socket;
  /** While this counts, the sockets' own flow does not start them again. */
  stalls: number;
}

const longestStallMs = 3000;
const longestRefusalMs = 500;

function pipe(from: Socket, to: Socket, link: Link): void {
  from.on("data", (chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => {
    if (link.stalls === 0) from.resume();
  });
  from.on("end", () => to.end());
  from.on("error", () => {});
  from.on("close", () => to.destroy());
}

/** Starts a relay on loopback to a port there. */
export async function startRelay(target: number): Promise<Relay> {
  const links = new Set<Link>();
  const faults: Record<RelayFault, number> = { cut: 0, stall: 0, "half-close": 0, refuse: 0 };
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let isRefusing = false;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    near.setNoDelay(true);
    if (isRefusing) {
      near.on("error", () => {});
      near.destroy();
      return;
    }
    const far = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
    far.setNoDelay(true);
    const link: Link = { near, far, stalls: 0 };
    links.add(link);
    near.on("close", () => links.delete(link));
    pipe(near, far, link);
    pipe(far, near, link);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();

  const later = (ms: number, run: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
  };
  const harm: Readonly<Record<RelayFault, (random: Random) => void>> = {
    cut() {
      for (const { near, far } of [...links]) {
        near.destroy();
        far.destroy();
      }
    },
    stall(random) {
      for (const link of links) {
        link.stalls++;
        link.near.pause();
        link.far.pause();
        later(100 + random.fraction() * (longestStallMs - 100), () => {
          if (--link.stalls > 0) return;
          link.near.resume();
          link.far.resume();
        });
      }
    },
    "half-close"(random) {
      for (const { near, far } of links) (random.fraction() < 0.5 ? near : far).end();
    },
    refuse(random) {
      isRefusing = true;
      harm.cut(random);
      later(random.fraction() * longestRefusalMs, () => {
        isRefusing = false;
      });
    },
  };
  const kinds = Object.keys(harm) as RelayFault[];

  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    get open() {
      return links.size;
    },
    faults,
    misbehave(random) {
      let isOver = false;
      const next = (): void =>
        later(300 + random.fraction() * 3000, () => {
          if (isOver) return;
          const kind = kinds[Math.floor(random.fraction() * kinds.length)] as RelayFault;
          if (links.size > 0) {
            faults[kind]++;
            harm[kind](random);
          }
          next();
        });
      next();
      return () => {
        isOver = true;
      };
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      harm.cut({ bytes: () => new Uint8Array(0), uuid: () => "", fraction: () => 0 });
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
