interface ExpiringEntry<V> {
  readonly value: V;
  readonly expiresAtMs: number;
}

/** A map whose entries may expire. Time is an argument. */
export class ExpiringMap<V> {
  readonly #entries = new Map<string, ExpiringEntry<V>>();

  get(key: string, nowMs: number): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresAtMs > nowMs) return entry?.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** Without `expiresAtMs` the entry stays. */
  set(key: string, value: V, expiresAtMs = Number.POSITIVE_INFINITY): void {
    // Re-inserted, because `dropExpired` expects the oldest first.
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAtMs });
  }

  /** Returns a map of its own with the same entries. */
  copy(): ExpiringMap<V> {
    const copied = new ExpiringMap<V>();
    for (const [key, entry] of this.#entries) copied.#entries.set(key, entry);
    return copied;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /**
   * Drops expired entries from the oldest to the first that still lives. These are all, if all entries have
   * the same life.
   */
  dropExpired(nowMs: number): void {
    for (const [key, { expiresAtMs }] of this.#entries) {
      if (expiresAtMs > nowMs) return;
      this.#entries.delete(key);
    }
  }
}
