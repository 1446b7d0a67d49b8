import type { Socket } from "bun";

const greedyBytes = 262_144;
const yieldTurns = 4;

/**
 * portable: Bun fills one buffer of 512 KB after the other from a socket that has so much, and looks at the others only when that is
 * over. To be called with the size of each piece: a socket that brought this much at once is not read again before the others were
 * looked at a few times.
 */
export function createGreedyRead(): (socket: Socket<unknown>, bytes: number) => void {
  let isYielding = false;
  return (socket, bytes) => {
    if (bytes < greedyBytes || isYielding) return;
    isYielding = true;
    socket.pause();
    let turns = yieldTurns;
    const turn = (): void => {
      turns -= 1;
      if (turns > 0) return void setImmediate(turn);
      isYielding = false;
      socket.resume();
    };
    setImmediate(turn);
  };
}
