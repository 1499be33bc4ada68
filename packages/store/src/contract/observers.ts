/**
 * Records which jobs are observed. Gateways report it while a stream on a job is open. Time is the store's
 * clock.
 */
export interface ObserverRegistry {
  /** Records that these jobs are observed now. */
  recordObserved(jobIds: readonly string[]): Promise<void>;
  /**
   * Returns the time of the last observation of each job, in milliseconds since the epoch. Absent if there
   * was none.
   */
  lastObservedMs(jobIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Drops the records of finished jobs. */
  forgetObserved(jobIds: readonly string[]): Promise<void>;
}
