/** So many times are remembered of one queue. */
const maxMarks = 64;

/**
 * When the places of a queue were filled, to within a sixteenth of the time that has been remembered: however long that is,
 * it takes a bounded number of marks.
 */
export class AgeHistogram {
  #marks: { readonly place: number; readonly atMs: number }[] = [];
  /** Marks are no closer than this. */
  #apartMs = 0;

  /** The places from this one on were filled then. Places and times only grow. */
  add(place: number, atMs: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && atMs - last.atMs < this.#apartMs) return;
    this.#marks.push({ place, atMs });
    if (this.#marks.length <= maxMarks) return;
    this.#apartMs = ((atMs - (this.#marks[0]?.atMs ?? atMs)) * 2) / maxMarks;
    this.#marks = this.#marks.filter((_, index) => index % 2 === 0);
  }

  /** When the place was filled, or somewhat earlier; undefined where nothing is known that old. */
  at(place: number): number | undefined {
    return this.#marks.findLast((mark) => mark.place <= place)?.atMs;
  }
}
