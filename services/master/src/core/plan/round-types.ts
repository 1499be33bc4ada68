import type { AgentIndex, Unplaced } from '@berth/scheduler';
import type { JobStatusRecord, Resources, TaskRecord, TaskReport } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Limits } from '../task/limits.js';
import type { WaitingTasks } from './waiting-tasks.js';

/** A report with its place in the stream of reports. */
export interface RoundReport {
  readonly streamId: string;
  readonly report: TaskReport;
}

/** The live agents, with what runs on them as committed. */
export interface Agents {
  readonly index: AgentIndex;
  /** Live tasks on agents that have been told to stop, with their agents. */
  readonly stopping: ReadonlyMap<string, string>;
  /** What each capacity group holds, where that is counted. */
  readonly groupUse?: ReadonlyMap<string, Resources> | undefined;
}

/** The tasks that are QUEUED as committed. */
export interface Queue {
  readonly waiting: WaitingTasks;
  /** Whether anything has changed for them since they were last looked at; room that this round makes counts anyway. */
  readonly hasNews: boolean;
}

/** Everything that a round of the master depends on. */
export interface RoundInput {
  readonly cell: CellView;
  readonly nowMs: number;
  readonly limits: Limits;
  /** Deadlines that pass before this time are judged at this time: reports may still be on their way. */
  readonly patienceUntilMs: number;
  /** The jobs to look at, beside those that the reports touch. */
  readonly jobIds: readonly string[];
  /**
   * Each writes at most one task, so at most half of `maxWrites` of them; but a batch of them, which can only be acknowledged as
   * a whole, where that is more.
   */
  readonly reports: readonly RoundReport[];
  readonly queue: Queue;
  readonly agents: Agents;
  /** Finished jobs that leave before their time, since there are too many of them. */
  readonly retireNow: ReadonlySet<string>;
  /** Tasks that callers wanted to stop and that are no more: the wishes leave. */
  readonly orphanStopIds: readonly string[];
  /** Entities that may be written in this round. */
  readonly maxWrites: number;
}

/** What a round decides. */
export interface RoundPlan {
  /** Tasks to write, by id. */
  readonly tasks: ReadonlyMap<string, TaskRecord>;
  readonly statuses: ReadonlyMap<string, JobStatusRecord>;
  /** What leaves the replica for the archive. */
  readonly removedTaskIds: readonly string[];
  readonly removedJobIds: readonly string[];
  /** Wishes that leave, with their tasks or after them. */
  readonly removedStopIds: readonly string[];
  /** When to look again at each job that was looked at. */
  readonly dueMs: ReadonlyMap<string, number>;
  /** Jobs of which tasks were placed, and when to look at them again at the latest. */
  readonly placedDueMs: ReadonlyMap<string, number>;
  /** Jobs that this round had no room, or not enough room, for. */
  readonly leftOver: readonly string[];
  /** Whether any of these may have tasks to create or to change, and not only records that are to leave. */
  readonly hasTasksLeft: boolean;
  readonly placedTaskIds: readonly string[];
  readonly unplaced: readonly Unplaced[];
  /** Whether tasks that could be placed still wait for lack of room. */
  readonly queueLeft: boolean;
  /** When to look at the queue again though nothing changes; Infinity: never. */
  readonly queueDueMs: number;
}
