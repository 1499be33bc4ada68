/** Which tasks wait for which others to be gone. */
export class PendingVictims {
  /** By the one that waits. */
  readonly #awaited = new Map<string, Set<string>>();
  /** By the one that is waited for. */
  readonly #waiting = new Map<string, Set<string>>();

  /** Whether the task has been said to wait, and not all that it waits for are gone. */
  isWaiting(taskId: string): boolean {
    return this.#awaited.has(taskId);
  }

  isAwaited(taskId: string): boolean {
    return this.#waiting.has(taskId);
  }

  /** Says that the task waits for these, of which there is at least one. */
  wait(taskId: string, awaited: readonly string[]): void {
    this.#awaited.set(taskId, new Set(awaited));
    for (const id of awaited) {
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting.add(taskId));
    }
  }

  /** Says that a task is gone, and tells who has nobody left to wait for. */
  gone(taskId: string): readonly string[] {
    const waiting = [...(this.#waiting.get(taskId) ?? [])];
    this.#waiting.delete(taskId);
    return waiting.filter((id) => {
      const awaited = this.#awaited.get(id);
      awaited?.delete(taskId);
      return awaited?.size === 0 && this.#awaited.delete(id);
    });
  }

  /** Says that the task waits no longer. */
  forget(taskId: string): void {
    for (const id of this.#awaited.get(taskId) ?? []) {
      const waiting = this.#waiting.get(id);
      waiting?.delete(taskId);
      if (waiting?.size === 0) this.#waiting.delete(id);
    }
    this.#awaited.delete(taskId);
  }
}
