/**
 * How much of something all may do together in one turn of the event loop. What a socket takes at once is written at once, and
 * the next piece asked for in the same turn: one reader that is fast enough would otherwise hold up everybody else.
 */
export class EventLoopBudget {
  readonly #perTurn: number;
  #spent = 0;
  #isScheduled = false;
  #waiting: (() => void)[] = [];

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  /** Whether there is anything left in this turn; if not, `resume` is called in a later one, and has to ask again. */
  mayGoOn(resume: () => void): boolean {
    if (this.#spent < this.#perTurn) return true;
    this.#waiting.push(resume);
    return false;
  }

  spend(amount: number): void {
    this.#spent += amount;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#isScheduled = false;
    this.#spent = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
