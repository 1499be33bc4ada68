import type { JobStatusRecord, TaskRecord, TaskReport } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell-view';
import type { Limits } from './limits.js';
import type { AgentCapacity, Unplaced } from './place.js';

/** A report with its place in the stream of reports. */
export interface RoundReport {
  readonly streamId: string;
  readonly report: TaskReport;
}

/** The live agents and what is free on them. */
export interface Capacities {
  /** As committed, plus what these tasks, which end in this round, give back. */
  capacities(ending: readonly TaskRecord[]): readonly AgentCapacity[];
}

/** Everything that a round of the master depends on. */
export interface RoundInput {
  readonly cell: CellView;
  readonly nowMs: number;
  readonly limits: Limits;
  /** The jobs to look at, beside those that the reports touch. */
  readonly jobIds: readonly string[];
  readonly reports: readonly RoundReport[];
  /** All tasks that are QUEUED as committed, oldest first; empty where nothing has changed for them since last time. */
  readonly queuedTaskIds: ReadonlySet<string>;
  readonly agents: Capacities;
  /** Finished jobs that leave before their time, since there are too many of them. */
  readonly retireNow: ReadonlySet<string>;
  /** Entities that may be written in this round, roughly. */
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
  /** When to look again at each job that was looked at. */
  readonly dueMs: ReadonlyMap<string, number>;
  /** Jobs that this round had no room, or not enough room, for. */
  readonly leftOver: readonly string[];
  readonly unplaced: readonly Unplaced[];
  /** Whether tasks that could be placed still wait for lack of room. */
  readonly queueLeft: boolean;
}
