/** Numbers of RFC 9113. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const errorCode = {
  noError: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const frameHeaderBytes = 9;
export const defaultWindow = 65_535;
export const largestWindow = 0x7fff_ffff;
/** What every peer takes. */
export const defaultMaxFrame = 16_384;
/** What we take and, where the peer takes it too, send: 64 KB of a body and what is said of them. */
export const ourMaxFrame = 66_560;
export const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** A peer that broke the protocol: its connection ends with this code. */
export class Http2Fault extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
