/*
 * Problem: the queue of a stalled subscriber holds tens of thousands of changes, and its lag is the age of
 * the oldest one. A time for each change would double the queue's memory.
 * Figure: none was recorded. It keeps at most 64 times for each stalled stream.
 * Benchmark: `npm run bench -- observe --only stall` (the memory of a stalled subscriber).
 * Off: `BERTH_API_TUNING=off` keeps the time of each batch until the subscriber has caught up.
 */

/**
 * The times of filling of the positions of a queue. With 64 marks an answer is wrong by at most a sixteenth
 * of the time covered.
 */
export class AgeHistogram {
  readonly #maxMarks: number;
  #marks: { readonly position: number; readonly atMs: number }[] = [];
  /** The shortest time between two marks. */
  #apartMs = 0;

  /** At most `maxMarks` times are kept; with infinity, all of them. */
  constructor(maxMarks: number) {
    this.#maxMarks = maxMarks;
  }

  /** The positions from `position` on were filled at this time. Positions and times only grow. */
  add(position: number, atMs: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && atMs - last.atMs < this.#apartMs) return;
    this.#marks.push({ position, atMs });
    if (this.#marks.length <= this.#maxMarks) return;
    this.#apartMs = ((atMs - (this.#marks[0]?.atMs ?? atMs)) * 2) / this.#maxMarks;
    this.#marks = this.#marks.filter((_, index) => index % 2 === 0);
  }

  /**
   * Returns the time at which the position was filled, or an earlier time. Undefined if no time that old is
   * known.
   */
  at(position: number): number | undefined {
    return this.#marks.findLast((mark) => mark.position <= position)?.atMs;
  }
}
