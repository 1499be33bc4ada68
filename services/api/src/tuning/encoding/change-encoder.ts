import type { ObservedKind as WireKind } from '@berth/shared/gen/berth/v1/observe_service';
import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import type { Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { AnyEntity, Entity } from '@berth/shared/model/cell/entity';
import type { FieldBits } from './message-parts.js';
import type { PendingMessage } from './pending-message.js';

/** The entities that a change can carry. */
export type ObservableEntity = Exclude<AnyEntity, { readonly kind: 'taskStop' | 'clusterRuns' }>;

/** The part of a commit that one message holds. */
export interface CommitPart<C> {
  readonly commit: { readonly revision: number; readonly commitId: string; readonly atMs: number };
  /** True if more of the commit follows. */
  isIncomplete: boolean;
  readonly changes: C[];
}

/**
 * Encodes the messages of berth.v1.ObserveService that carry stored records. `C` is a change that is ready
 * for a message.
 */
export interface ChangeEncoder<C> {
  /** Returns the change with the whole entity; of a task it has the public part. */
  whole(entity: ObservableEntity): C;
  /**
   * Returns the change with these fields of a task. Undefined if the encoder needs the projected task
   * instead.
   */
  fieldsOf(task: Entity<'task'>, fields: FieldBits): C | undefined;
  projectedTask(task: Task): C;
  projectedJob(job: JobRecord): C;
  removed(kind: WireKind, id: string): C;
  /** Returns roughly how many bytes the change adds to a message. */
  byteLength(change: C): number;
  /** Returns a `snapshot` message. */
  snapshot(changes: readonly C[]): PendingMessage;
  /** Returns a `commits` message. */
  commits(parts: readonly CommitPart<C>[]): Buffer;
}
