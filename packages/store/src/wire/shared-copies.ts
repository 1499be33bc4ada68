/**
 * Of records of some hundred bytes several share a piece of memory. It stays for as long as the last of them: a cell whose records
 * change one by one keeps some twice what it needs, and in the worst case this for each record.
 */
const sharedBytes = 4 * 1024;

/** Copies of small pieces of memory. Memory of its own for each would take V8 ten times as long as copying does. */
export class SharedCopies {
  #memory = new Uint8Array(0);
  #used = 0;

  of(part: Uint8Array): Uint8Array {
    if (part.length > sharedBytes / 2) return new Uint8Array(part);
    if (this.#used + part.length > this.#memory.length) {
      this.#memory = new Uint8Array(sharedBytes);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += part.length;
    this.#memory.set(part, from);
    return this.#memory.subarray(from, this.#used);
  }
}
