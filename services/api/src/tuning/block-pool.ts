/*
 * Problem: the bursts of a snapshot go to one subscriber, each with new memory: for 100,000 tasks in a
 * quarter of a second. So the garbage collector visited everything that a gateway holds several times for
 * each snapshot.
 * Figure: the longest pause of the event loop during snapshots of 100,000 tasks was 7 to 30 ms, then 4 to
 * 14 ms (with messages from stored bytes, encoding/spliced-changes.ts).
 * Benchmark: `npm run bench -- observe --only pause,snapshot`.
 * Off: `BERTH_API_TUNING=off` gives each burst memory of its own.
 */

/** The memory of one burst, including its last message. */
const blockBytes = 64 * 1024;

/** Memory for bursts that is reused after their release. */
export class BlockPool {
  readonly #maxIdle: number;
  readonly #idle: Buffer[] = [];

  /** At most `maxIdle` unused blocks are kept; with 0, nothing is reused. */
  constructor(maxIdle: number) {
    this.#maxIdle = maxIdle;
  }

  /** Returns a block for so many bytes. Undefined if they need memory of their own. */
  take(bytes: number): Buffer | undefined {
    if (bytes > blockBytes || this.#maxIdle === 0) return undefined;
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  }

  giveBack(block: Buffer): void {
    if (this.#idle.length < this.#maxIdle) this.#idle.push(block);
  }
}
