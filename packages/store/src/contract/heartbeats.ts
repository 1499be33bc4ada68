/** The heartbeats of agents, timed by the store's clock. */
export interface Heartbeats {
  recordHeartbeats(agentIds: readonly string[]): Promise<void>;
  /** Returns the agents that have sent a heartbeat before, but none within the last `silentMs`. */
  findSilent(silentMs: number): Promise<readonly string[]>;
  /** Returns those of these agents that have sent a heartbeat within the last `withinMs`. */
  findAlive(agentIds: readonly string[], withinMs: number): Promise<readonly string[]>;
}
