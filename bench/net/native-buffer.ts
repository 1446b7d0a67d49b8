/**
 * Memory whose address stays the same for its life. The engine keeps small typed arrays inside its own heap and moves
 * them out when something asks for their buffer, so an address taken before that points to stale bytes.
 */
export const nativeBuffer = (size: number): ArrayBuffer => new ArrayBuffer(size);

/** A copy of bytes in such memory. */
export const nativeCopy = (bytes: Uint8Array): Uint8Array => {
  const copy = new Uint8Array(nativeBuffer(bytes.length));
  copy.set(bytes);
  return copy;
};
