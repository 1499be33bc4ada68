import type { Obstacle } from '../filters/filter.js';

/** Tasks that are named for one reason. */
const maxNamed = 3;

/** The tasks in the way, by the reason that they are behind. */
export class HolderNames {
  readonly #holders = new Map<string, string[]>();

  /** Notes the obstacles of one agent. */
  note(obstacles: readonly Obstacle[]): void {
    for (const { reason, holders } of obstacles) {
      if (holders === undefined) continue;
      const known = this.#holders.get(reason);
      if (known === undefined) this.#holders.set(reason, [...holders]);
      else known.push(...holders);
    }
  }

  /** Returns `TASK, TASK and 2 other tasks` by reason. The same tasks give the same text. */
  texts(): ReadonlyMap<string, string> {
    return new Map([...this.#holders].map(([reason, holders]) => [reason, textOf(holders)]));
  }
}

function textOf(holders: readonly string[]): string {
  const named = holders.toSorted().slice(0, maxNamed);
  const others = holders.length - named.length;
  const names = others === 0 ? named : [...named, `${others} other task${others === 1 ? '' : 's'}`];
  const [last = '', ...before] = names.toReversed();
  return before.length === 0 ? last : `${before.toReversed().join(', ')} and ${last}`;
}
