import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { PlacementSpec } from './placement-spec.js';

/** The demands of one task on its agent. */
export interface PlacementRequest {
  readonly jobId: string;
  readonly resources: Resources;
  /** Absent: the task may run anywhere. */
  readonly spec?: PlacementSpec;
}

/** A task that waits for an agent. */
export interface QueuedTask extends PlacementRequest {
  readonly taskId: string;
}
