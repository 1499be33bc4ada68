import type { Logger } from '@berth/shared/process/logger';
import type { Random } from '@berth/shared/process/random';
import type { CellIdentity } from '@berth/store';

/** The cell that this master has led in, and the id of it. */
export class KnownCell {
  readonly #store: CellIdentity;
  readonly #random: Random;
  readonly #log: Logger;
  #cellId: string | undefined;

  constructor(store: CellIdentity, { random, log }: { readonly random: Random; readonly log: Logger }) {
    this.#store = store;
    this.#random = random;
    this.#log = log;
  }

  /**
   * Makes sure that the cell has an id before anything is placed: agents write it on their containers. Warns
   * if the store holds another cell than before.
   */
  async establish(): Promise<string> {
    const cellId = await this.#store.establishCellId(this.#random.uuid());
    const before = this.#cellId;
    this.#cellId = cellId;
    if (before === undefined) this.#log.info({ cellId }, 'leads in the cell of this id');
    else if (before !== cellId) {
      this.#log.warn(
        { cellId, before },
        `the store was emptied or replaced: it held cell id ${before}, and holds ${cellId} now; agents with containers of the old cell hold`,
      );
    }
    return cellId;
  }
}
