import type { Assignment } from '@berth/shared/gen/berth/v1/store';

/** A change of one agent's assignments. Without an assignment it takes the task off the agent. */
export interface AssignmentWrite {
  readonly agentId: string;
  readonly taskId: string;
  readonly assignment?: Assignment | undefined;
  /** The feed that brings the change to the agent. The agent's id if absent. */
  readonly feed?: string | undefined;
}

/** A change of an agent's assignments, as its feed brings it. Without an assignment the task is taken off. */
export interface AssignmentChange {
  readonly agentId: string;
  readonly taskId: string;
  readonly assignment?: Assignment;
}

/** The agents' end of the cell. One feed serves all the agents of a process. Their records name it. */
export interface AssignmentFeed {
  /** Returns all present assignments of the agent. `readChanges` brings the changes after them. */
  readAssignments(agentId: string): Promise<readonly Assignment[]>;
  /**
   * Returns the changes on this feed since the last call, and waits up to `blockMs` for one. The feed begins
   * at the first call of this method or of `readAssignments`. A reader that stays away for many changes
   * misses the oldest, so agents read all their assignments from time to time.
   */
  readChanges(blockMs: number): Promise<readonly AssignmentChange[]>;
  /**
   * Returns those of the tasks that have run on the agent, as the master has recorded. A new process of the
   * agent must not start them again.
   */
  findRun(agentId: string, taskIds: readonly string[]): Promise<readonly string[]>;
  close(): Promise<void>;
}
