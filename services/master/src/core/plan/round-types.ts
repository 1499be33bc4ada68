import type { AgentIndex, Unplaced } from '@berth/scheduler';
import type {
  AgentStatusRecord,
  JobStatusRecord,
  Resources,
  TaskRecord,
  TaskReport,
} from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Limits } from '../task/limits.js';
import type { WaitingTasks } from './waiting-tasks.js';

/** A report with its position in the stream of reports. */
export interface RoundReport {
  readonly streamId: string;
  readonly report: TaskReport;
}

/** The live agents, with the committed tasks on them. */
export interface Agents {
  readonly index: AgentIndex;
  /** Live tasks on agents that are ordered to stop, with their agents. */
  readonly stopping: ReadonlyMap<string, string>;
  /** The resources that each capacity group holds, if they are counted. */
  readonly groupUse?: ReadonlyMap<string, Resources> | undefined;
}

/** The tasks that are committed as QUEUED. */
export interface Queue {
  readonly waiting: WaitingTasks;
  /**
   * True if anything has changed for them since the last placement. Capacity that this round frees counts in
   * any case.
   */
  readonly hasChanges: boolean;
}

/** The inputs of a round. */
export interface RoundInput {
  readonly cell: CellView;
  readonly nowMs: number;
  readonly limits: Limits;
  /** Deadlines that pass before this time are judged at this time: reports may still be on their way. */
  readonly patienceUntilMs: number;
  /** The jobs to reconcile, beside those that the reports touch. */
  readonly jobIds: readonly string[];
  /**
   * At most half of `maxWrites`, because each report writes at most one task. A first batch that is larger
   * comes whole, because it can only be acknowledged as a whole.
   */
  readonly reports: readonly RoundReport[];
  readonly queue: Queue;
  readonly agents: Agents;
  /** Finished jobs that leave before their time, because there are too many of them. */
  readonly retireNow: ReadonlySet<string>;
  /** Ids of stop requests of tasks that are gone: the requests leave. */
  readonly orphanStopIds: readonly string[];
  /** Entities that may be written in this round. */
  readonly maxWrites: number;
}

/** The decision of a round. */
export interface RoundPlan {
  /** Tasks to write, by id. */
  readonly tasks: ReadonlyMap<string, TaskRecord>;
  readonly statuses: ReadonlyMap<string, JobStatusRecord>;
  /** Of agents with launches that worked or failed. */
  readonly agentStatuses: ReadonlyMap<string, AgentStatusRecord>;
  /** The records that leave the replica for the archive. */
  readonly removedTaskIds: readonly string[];
  readonly removedJobIds: readonly string[];
  /** Stop requests that leave, with their tasks or after them. */
  readonly removedStopIds: readonly string[];
  /** The time of the next pass over each job that was reconciled. */
  readonly dueMs: ReadonlyMap<string, number>;
  /** Jobs with tasks that were placed, with the latest time of the next pass. */
  readonly placedDueMs: ReadonlyMap<string, number>;
  /** Jobs that are left to the next round, because too few writes were left. */
  readonly leftOver: readonly string[];
  /** True if one of these may have tasks to create or to change, and not only records that leave. */
  readonly hasTasksLeft: boolean;
  readonly placedTaskIds: readonly string[];
  readonly unplaced: readonly Unplaced[];
  /** True if tasks that could be placed still wait, because too few writes were left. */
  readonly queueLeft: boolean;
  /** The time of the next placement without a change; Infinity: never. */
  readonly queueDueMs: number;
}
