/** The latest time of an event, such as a failed task, by job and then by agent. */
export class FailureTimes {
  readonly #times = new Map<string, Map<string, number>>();

  note(jobId: string, agentId: string, atMs: number): void {
    const ofJob = this.#times.get(jobId) ?? new Map<string, number>();
    ofJob.set(agentId, Math.max(atMs, ofJob.get(agentId) ?? 0));
    this.#times.set(jobId, ofJob);
  }

  of(jobId: string): ReadonlyMap<string, number> | undefined {
    return this.#times.get(jobId);
  }

  forget(jobId: string): void {
    this.#times.delete(jobId);
  }
}
