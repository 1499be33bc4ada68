interface Slot<V> {
  readonly value: V;
  readonly expiresAtMs: number;
}

/** A map whose entries may expire. Time is an argument. */
export class ExpiringMap<V> {
  readonly #slots = new Map<string, Slot<V>>();

  get(key: string, nowMs: number): V | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || slot.expiresAtMs > nowMs) return slot?.value;
    this.#slots.delete(key);
    return undefined;
  }

  /** Without `expiresAtMs` the entry stays. */
  set(key: string, value: V, expiresAtMs = Number.POSITIVE_INFINITY): void {
    // Re-inserted, so that the oldest stand first for `dropExpired`.
    this.#slots.delete(key);
    this.#slots.set(key, { value, expiresAtMs });
  }

  delete(key: string): void {
    this.#slots.delete(key);
  }

  /** Drops expired entries from the oldest on, up to the first that lives: all of them where all live equally long. */
  dropExpired(nowMs: number): void {
    for (const [key, { expiresAtMs }] of this.#slots) {
      if (expiresAtMs > nowMs) return;
      this.#slots.delete(key);
    }
  }
}
