import type { AgentSlot } from '../index/indexed-agent.js';

/** Where the tasks of one job are. */
export class JobPlaces {
  readonly #bySlot = new Map<AgentSlot, number>();
  readonly #byZone = new Map<string, number>();
  #count = 0;
  /** Differs after each change. */
  version = 0;

  get count(): number {
    return this.#count;
  }

  on(slot: AgentSlot): number {
    return this.#bySlot.get(slot) ?? 0;
  }

  inZone(zone: string): number {
    return this.#byZone.get(zone) ?? 0;
  }

  add(slot: AgentSlot): void {
    this.#bySlot.set(slot, this.on(slot) + 1);
    this.#byZone.set(slot.zone, this.inZone(slot.zone) + 1);
    this.#count += 1;
    this.version += 1;
  }

  remove(slot: AgentSlot): void {
    const there = this.on(slot) - 1;
    if (there > 0) this.#bySlot.set(slot, there);
    else this.#bySlot.delete(slot);
    this.#byZone.set(slot.zone, this.inZone(slot.zone) - 1);
    this.#count -= 1;
    this.version += 1;
  }
}
