import type { Resources } from '@berth/shared/gen/berth/v1/store';

/** The capacity that one task holds on its agent. */
export interface Booking {
  readonly taskId: string;
  readonly jobId: string;
  readonly resources: Resources;
  /** Indices of the gpus that the task has. */
  readonly gpus: readonly number[];
  /** True if no other task may come while this one is here. */
  readonly isExclusive: boolean;
  /** True if preemption never stops the task. */
  readonly isCritical?: boolean;
  /** True if the task's container had not started when the task was booked. */
  readonly isLaunching?: boolean;
  /** The ports of the host that the task holds by number, such as `8080/tcp`. Absent: none. */
  readonly hostPorts?: readonly string[];
  /** Tasks of the agent that the task waits for: it starts once none of them is there any more. */
  readonly awaits?: readonly string[];
}
