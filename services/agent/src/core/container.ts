import type { Fault } from '@berth/shared/model/task/failure';

/** The state of one container, as its engine reports it. A task's container has the task's id as its name. */
export interface ContainerStatus {
  readonly taskId: string;
  /** The id of the cell that it belongs to. Absent: an earlier version of Berth made it. */
  readonly cellId?: string;
  readonly state: 'created' | 'running' | 'exited';
  /** Absent if the container never ran, or if only a summary was requested. */
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  /**
   * True if some process in the container was killed because memory was short. It may be a child of the main
   * process.
   */
  readonly oomKilled?: boolean;
  /** The reason why the command did not start, in the words of the engine or of the init process. */
  readonly startError?: string;
  /** True if the engine ended the container because it shut down or was restarted. */
  readonly endedByEngine?: boolean;
  /** The digest in the reference that the container was created from. Absent: it has none. */
  readonly imageDigest?: string;
  readonly ip?: string;
  /** `CONTAINER_PORT:HOST_PORT`, separated by commas; `/udp` follows a port that is not TCP. */
  readonly hostPorts?: string;
}

/** The kinds of failures of a call to a container engine. */
export type FailureKind =
  /** There is no such container. For create and pull: there is no such image. */
  | 'notFound'
  /** The engine refuses the request itself. The same request will fail again. */
  | 'invalid'
  /** The container's state, or another container with its name, rules the call out. */
  | 'conflict'
  /** The engine cannot be reached. The call may have taken effect. */
  | 'unavailable'
  /** The engine tried and failed, or did not finish in time. */
  | 'failed';

export interface RuntimeFailure {
  readonly kind: FailureKind;
  readonly message: string;
  /** Absent: the kind decides. */
  readonly fault?: Fault | undefined;
}
