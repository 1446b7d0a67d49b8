import type { ServerSocket, ServerSocketHandlers, UpgradeResponse } from "../../kit/websocket/upgrade-response.ts";

/** The part of Deno's global that this file uses. */
interface DenoUpgrade {
  upgradeWebSocket(
    request: Request,
    options: { readonly protocol?: string; readonly idleTimeout: number },
  ): { readonly socket: WebSocket; readonly response: Response };
}

const tooBig = 1009;
const tooFast = 1013;
const goingAway = 1001;
const lost = 1006;
/** How long a client may take to answer a close frame. */
const closeMs = 5000;
/** How long it may take from our answer to an open WebSocket. */
const openMs = 5000;
/** What may wait on either side before it is waited for, or the client is sent away. */
const waitingBytes = 1 << 20;
const mostWaitingBytes = 16 << 20;
const drainPollMs = 10;

const sizeOf = (message: string | Uint8Array): number => message.length;

/** An open WebSocket, for its listener. */
export interface DenoWebSocket {
  readonly response: Response;
  goAway(): void;
}

/**
 * Accepts a WebSocket with Deno's own server; `done` runs when it is gone.
 * portable: Deno cannot stop reading, so that what comes in while nobody reads waits here, and beyond 16 MiB the client is sent
 * away with 1013. It adds no headers but the subprotocol to its answer, sends no pings of ours and shows none of the client's.
 */
export function openDenoWebSocket(
  answer: UpgradeResponse,
  request: Request,
  maxMessageBytes: number,
  done: () => void,
): DenoWebSocket {
  const { Deno } = globalThis as unknown as { readonly Deno: DenoUpgrade };
  const protocol = answer.headers.get("sec-websocket-protocol");
  const { socket, response } = Deno.upgradeWebSocket(request, {
    ...(protocol === null ? {} : { protocol }),
    idleTimeout: 0,
  });
  socket.binaryType = "arraybuffer";
  let handlers: ServerSocketHandlers | undefined;
  let isOpen = false;
  let isPaused = false;
  let held: (string | Uint8Array)[] = [];
  let heldBytes = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  let stopWaiting: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const finish = (code: number, reason: string): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(stopOpening);
    clearTimeout(timer);
    clearTimeout(stopWaiting);
    held = [];
    if (isOpen) handlers?.onClose(code, reason);
    else answer.taker.missed();
    done();
  };
  const close = (code: number, reason: string): void => {
    if (socket.readyState > WebSocket.OPEN) return;
    // portable: Deno waits for the client's answer as long as it takes
    stopWaiting = setTimeout(() => finish(code, reason), closeMs);
    if (code === 1005) socket.close();
    else socket.close(code, reason);
  };
  const refuse = (code: number, reason: string): void => {
    close(code, reason);
    finish(code, reason);
  };
  const deliver = (): void => {
    while (!isPaused && held.length > 0) {
      const message = held.shift() as string | Uint8Array;
      heldBytes -= sizeOf(message);
      handlers?.onMessage(message);
    }
  };
  const watchDrain = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (socket.bufferedAmount > waitingBytes) watchDrain();
      else handlers?.onDrain();
    }, drainPollMs);
  };
  const view: ServerSocket = {
    send(message) {
      if (socket.readyState !== WebSocket.OPEN) return true;
      socket.send(message as string);
      if (socket.bufferedAmount <= waitingBytes) return true;
      watchDrain();
      return false;
    },
    close,
    destroy: () => close(1011, "the app has gone"),
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      deliver();
    },
  };
  // portable: Deno says nothing of a client that left before it had the answer
  const stopOpening = setTimeout(() => finish(lost, ""), openMs);
  const open = (): void => {
    clearTimeout(stopOpening);
    if (isOver) socket.close();
    if (isOver || isOpen) return;
    isOpen = true;
    handlers = answer.taker.opened(view);
  };
  socket.onopen = open;
  socket.onmessage = ({ data }) => {
    const message = typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer);
    if (isOver) return;
    if (sizeOf(message) > maxMessageBytes) return refuse(tooBig, `a message is longer than ${maxMessageBytes} bytes`);
    held.push(message);
    heldBytes += sizeOf(message);
    if (isPaused && heldBytes > mostWaitingBytes) {
      refuse(tooFast, "the app reads too slowly");
    } else deliver();
  };
  // portable: Deno says 0 of a connection that was lost
  socket.onclose = ({ code, reason }) => finish(code === 0 ? lost : code, reason);
  return { response, goAway: () => close(goingAway, "the server goes away") };
}
