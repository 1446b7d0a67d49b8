/** Lengths in bits of the codes of bytes 0 to 255 (RFC 7541, appendix B), a letter each: a is 5. The codes are canonical, so lengths say all. */
const lengths =
  "isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhf" +
  "ibccccccccccccccccccccccdcdioijbkabababbbaccbbbabcbaabccccckgjix" +
  "prpprrrsrssssststtrstssssqrsrsstrqprrssqsrrtqrssqqrqsrssprrrsrrs" +
  "vvporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwv";
const firstLetter = 97;
const shortest = 5;
const longest = 30;
const endOfString = 256;

/** Steps of four bits: `next` is the state after them, `symbol` the byte that they complete or -1. */
export interface HuffmanTable {
  readonly next: Int16Array;
  readonly symbol: Int16Array;
  /** States in which text may end: nothing but the first bits of the end mark, fewer than eight, came after the last byte. */
  readonly accepting: Uint8Array;
}

/** Builds the decoder's table; a fraction of a millisecond. */
export function createHuffmanTable(): HuffmanTable {
  const children = new Int16Array(2 * 257).fill(0);
  let nodes = 1;
  let code = 0;
  for (let length = shortest; length <= longest; length++) {
    for (let symbol = 0; symbol <= endOfString; symbol++) {
      const own = symbol === endOfString ? longest : lengths.charCodeAt(symbol) - firstLetter + shortest;
      if (own !== length) continue;
      let node = 0;
      for (let bit = length - 1; bit >= 0; bit--) {
        const at = node * 2 + ((code >>> bit) & 1);
        if (bit === 0) children[at] = -1 - symbol;
        else {
          if (children[at] === 0) children[at] = nodes++;
          node = children[at] as number;
        }
      }
      code += 1;
    }
    code *= 2;
  }
  const next = new Int16Array(nodes * 16).fill(-1);
  const symbol = new Int16Array(nodes * 16).fill(-1);
  for (let start = 0; start < nodes; start++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = start;
      for (let bit = 3; bit >= 0; bit--) {
        const child = children[node * 2 + ((nibble >>> bit) & 1)] as number;
        if (child >= 0) node = child;
        else if (child === -1 - endOfString) {
          node = -1;
          break;
        } else {
          symbol[start * 16 + nibble] = -1 - child;
          node = 0;
        }
      }
      next[start * 16 + nibble] = node;
    }
  }
  const accepting = new Uint8Array(nodes);
  let node = 0;
  for (let ones = 0; ones < 8; ones++) {
    accepting[node] = 1;
    node = children[node * 2 + 1] as number;
  }
  return { next, symbol, accepting };
}
