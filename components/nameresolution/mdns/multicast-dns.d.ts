declare module "multicast-dns" {
  /** A resource record; `data` depends on the type. */
  export interface MulticastRecord {
    readonly name: string;
    readonly type: string;
    readonly ttl?: number;
    readonly class?: string;
    readonly flush?: boolean;
    readonly data: unknown;
  }
  export interface MulticastQuestion {
    readonly name: string;
    readonly type: string;
    readonly class?: string;
  }
  export interface MulticastPacket {
    readonly type?: "query" | "response";
    readonly id?: number;
    readonly flags?: number;
    readonly questions?: readonly MulticastQuestion[];
    readonly answers?: readonly MulticastRecord[];
    readonly authorities?: readonly MulticastRecord[];
    readonly additionals?: readonly MulticastRecord[];
  }
  export interface MulticastDns {
    on(event: "ready", listen: () => void): void;
    on(event: "query" | "response", listen: (packet: MulticastPacket) => void): void;
    on(event: "error" | "warning", listen: (error: Error) => void): void;
    send(packet: MulticastPacket, to: null, done: (error?: Error | null) => void): void;
    destroy(done?: () => void): void;
  }
  export default function multicastDns(options: {
    readonly interface?: string;
    readonly bind?: string | false;
    readonly port?: number;
    readonly ip?: string;
    readonly ttl?: number;
    readonly loopback?: boolean;
    readonly reuseAddr?: boolean;
  }): MulticastDns;
}
