/*
 * Copies of small byte strings share slabs of memory.
 *
 * Problem: the bytes of a record arrive as a part of a network buffer and must be copied, or they would keep
 * the whole buffer in memory. Memory of its own for each record takes V8 ten times as long as the copy
 * itself.
 * Benchmark: `npm run bench -- observe` (events per second).
 * Off: `BERTH_STORE_TUNING=off` gives each copy memory of its own.
 */
import type { Tuning } from '../contract/tuning.js';

/**
 * Several records of some hundred bytes share a slab. It stays as long as the last of them. If records change
 * one by one, a cell keeps about twice the memory that it needs, and in the worst case one slab for each
 * record.
 */
const slabBytes = 4 * 1024;

export class SlabCopies {
  #memory = new Uint8Array(0);
  #used = 0;

  of(part: Uint8Array): Uint8Array {
    if (part.length > slabBytes / 2) return plainCopy(part);
    if (this.#used + part.length > this.#memory.length) {
      this.#memory = new Uint8Array(slabBytes);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += part.length;
    this.#memory.set(part, from);
    return this.#memory.subarray(from, this.#used);
  }
}

const slabs = new SlabCopies();

/** Returns a function that copies byte strings. */
export function copier(tuning: Tuning): (part: Uint8Array) => Uint8Array {
  return tuning === 'on' ? (part) => slabs.of(part) : plainCopy;
}

function plainCopy(part: Uint8Array): Uint8Array {
  return new Uint8Array(part);
}
