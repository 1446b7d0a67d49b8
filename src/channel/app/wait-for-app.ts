import type { Platform, TcpConnect } from "../../platform/types.ts";

const pollMs = 100;
const dialMs = 500;

/** Resolves once somebody listens where the app should; rejects with the signal's reason when it aborts first. */
export async function waitForApp(
  platform: Pick<Platform, "tcp" | "clock">,
  connect: TcpConnect,
  signal: AbortSignal,
): Promise<void> {
  const { tcp, clock } = platform;
  if (tcp === undefined) throw new Error("waiting for the app failed: this host cannot open TCP connections");
  const place: TcpConnect = { host: connect.host, port: connect.port, connectTimeoutMs: dialMs };
  for (;;) {
    signal.throwIfAborted();
    if (await listens(tcp, connect.path === undefined ? place : { ...place, path: connect.path })) return;
    await clock.sleep(pollMs, signal);
  }
}

function listens(tcp: NonNullable<Platform["tcp"]>, connect: TcpConnect): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = tcp(connect, {
      onOpen() {
        resolve(true);
        socket.destroy();
      },
      onClose: () => resolve(false),
      onData() {},
      onEnd() {},
      onDrain() {},
    });
  });
}
