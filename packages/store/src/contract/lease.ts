/** A held lease. Its epoch fences every commit that is made under it. */
export interface HeldLease {
  readonly epoch: number;
}

/** The leader's lease, timed by the store's clock. */
export interface LeaderLease {
  /**
   * Takes the lease if it is free or this holder has it. Each success has a greater epoch, also after the
   * store was set back. Undefined while another holder has it.
   */
  tryAcquire(holder: string, ttlMs: number): Promise<HeldLease | undefined>;
  /** Prolongs the lease. False if it is lost. */
  renew(holder: string, epoch: number, ttlMs: number): Promise<boolean>;
  /** Gives the lease up, so a standby need not wait for its end. */
  release(holder: string, epoch: number): Promise<void>;
}
