/** The tasks that a plan may stop for critical ones. */
export interface PreemptionRules {
  /**
   * The number of tasks of the job that may be stopped now, beside those that stop already; 0 for protected
   * jobs.
   */
  readonly allowanceOf: (jobId: string) => number;
  /** True if the task has been ordered to stop: its capacity will be free. */
  readonly isStopping: (taskId: string) => boolean;
  /** The agents that have such tasks that nobody waits for yet, and maybe some others. */
  readonly stoppingOn: Iterable<string>;
  /**
   * The most tasks that may be stopped for one task: they are ordered to stop in one commit. Absent: any
   * number.
   */
  readonly maxVictims?: number;
}
