/*
 * Problem: a socket takes a burst at once, and its stream makes the next one in the same turn of the event
 * loop. One fast reader of a snapshot would hold up everybody else.
 * Figure: none was recorded for the budget alone.
 * Benchmark: `npm run bench -- observe --only pause` (the longest time that the event loop stands still).
 * Off: `BERTH_API_TUNING=off` has an infinite budget.
 */
import { inNextTurn } from '@berth/shared/process/clock';

/** The amount that all streams together may spend in one turn of the event loop. */
export class EventLoopBudget {
  readonly #perTurn: number;
  #spent = 0;
  #isScheduled = false;
  #waiting: (() => void)[] = [];

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  /**
   * True if something is left in this turn. Otherwise `resume` is called in a later turn, and must ask
   * again.
   */
  mayGoOn(resume: () => void): boolean {
    if (this.#spent < this.#perTurn) return true;
    this.#waiting.push(resume);
    return false;
  }

  spend(amount: number): void {
    this.#spent += amount;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    inNextTurn(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#isScheduled = false;
    this.#spent = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
