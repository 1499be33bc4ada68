/** Records the victims that each preemptor still waits for. */
export class PendingVictims {
  /** Victims by preemptor. */
  readonly #awaited = new Map<string, Set<string>>();
  /** Preemptors by victim. */
  readonly #waiting = new Map<string, Set<string>>();

  /** True if the task waits for a victim that is not gone. */
  isWaiting(taskId: string): boolean {
    return this.#awaited.has(taskId);
  }

  isAwaited(taskId: string): boolean {
    return this.#waiting.has(taskId);
  }

  /** Records that the task waits for these victims. There must be at least one. */
  wait(taskId: string, awaited: readonly string[]): void {
    this.#awaited.set(taskId, new Set(awaited));
    for (const id of awaited) {
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting.add(taskId));
    }
  }

  /** Records that a victim is gone. Returns the tasks that wait for no victim any more. */
  gone(taskId: string): readonly string[] {
    const waiting = [...(this.#waiting.get(taskId) ?? [])];
    this.#waiting.delete(taskId);
    return waiting.filter((id) => {
      const awaited = this.#awaited.get(id);
      awaited?.delete(taskId);
      return awaited?.size === 0 && this.#awaited.delete(id);
    });
  }

  /** Records that the task does not wait any more. */
  forget(taskId: string): void {
    for (const id of this.#awaited.get(taskId) ?? []) {
      const waiting = this.#waiting.get(id);
      waiting?.delete(taskId);
      if (waiting?.size === 0) this.#waiting.delete(id);
    }
    this.#awaited.delete(taskId);
  }
}
