import type { Logger } from '@berth/shared/process/logger';
import type { CellIdentity } from '@berth/store';
import { trustIn } from './core/cell-trust.js';

interface CellGuardOptions {
  readonly store: Pick<CellIdentity, 'findCellId'>;
  /**
   * Returns the ids of the cells that own the containers of all agents. Undefined while an engine does not
   * answer.
   */
  owners(): Promise<readonly (string | undefined)[] | undefined>;
  readonly adopted: string | undefined;
  readonly log: Logger;
}

/** The store is not that of the agents' cell. They hold until it is. */
export class CellHeldError extends Error {
  override readonly name = 'CellHeldError';
}

/**
 * Makes sure that the agents act only on the store of their cell. An emptied store, or another one under the
 * same address, must stop nothing. The containers' labels carry the cell's id, so a new process knows it too.
 */
export class CellGuard {
  readonly #options: CellGuardOptions;
  #cellId: string | undefined;
  #held: string | undefined;
  #waiting: (() => void)[] = [];

  constructor(options: CellGuardOptions) {
    this.#options = options;
  }

  /** The id of the cell that the agents serve. Undefined until they know it. */
  get cellId(): string | undefined {
    return this.#cellId;
  }

  /** The reason why the agents hold. Undefined while they work. */
  get held(): string | undefined {
    return this.#held;
  }

  /** True if the store is that of the agents' cell now. Fails if the store does not answer. */
  async isTrusted(): Promise<boolean> {
    const found = await this.#options.store.findCellId();
    if (found !== undefined && found === this.#cellId) {
      this.#release();
      return true;
    }
    const containers = await this.#options.owners();
    if (containers === undefined) {
      this.#held ??= 'the engine does not say if it has containers of another cell';
      return false;
    }
    const trust = trustIn({ found, known: this.#cellId, containers, adopted: this.#options.adopted });
    if (trust.trusted) {
      this.#cellId = trust.cellId;
      this.#release();
    } else this.#hold(trust.owner, found);
    return trust.trusted;
  }

  /** Fails with {@link CellHeldError} if the store is not that of the agents' cell. */
  async throwIfUntrusted(): Promise<void> {
    if (!(await this.isTrusted())) throw new CellHeldError(this.#held);
  }

  /** Resolves once the agents do not hold. */
  async passed(): Promise<void> {
    if (this.#held !== undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #hold(owner: string, found: string | undefined): void {
    const store =
      found === undefined ? 'the store is empty: it has no cell id' : `the store has cell id ${found}`;
    const why = `${store}, but containers here belong to cell id ${owner}`;
    if (why === this.#held) return;
    this.#held = why;
    const remedy =
      found === undefined
        ? ''
        : `, or until BERTH_AGENT_ADOPT_CELL=${found} tells the agent to give its containers up`;
    this.#options.log.error(
      { owner, found },
      `${why}; the agent holds: it starts, stops and removes nothing until that cell’s store is back${remedy}`,
    );
  }

  #release(): void {
    if (this.#held === undefined) return;
    this.#held = undefined;
    this.#options.log.info(
      { cellId: this.#cellId },
      'the store is that of the agent’s cell; the agent goes on',
    );
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
