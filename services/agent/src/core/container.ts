/** What an engine shows of one container. The container of a task bears the task's id as its name. */
export interface ContainerStatus {
  readonly taskId: string;
  readonly state: 'created' | 'running' | 'exited';
  /** Absent where the container never ran, or where only a summary was asked for. */
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  /** Some process in the container was killed for want of memory; not necessarily the main one. */
  readonly oomKilled?: boolean;
  /** Why the command could not be started, in the engine's or the init process's words. */
  readonly startError?: string;
  /** Its engine ended it, since it shut down or was restarted. */
  readonly endedByEngine?: boolean;
  readonly ip?: string;
  /** `CONTAINER_PORT:HOST_PORT`, comma-separated. */
  readonly hostPorts?: string;
}

/** How a call to a container engine can fail. */
export type FailureKind =
  /** There is no such container, or (creating, pulling) no such image. */
  | 'notFound'
  /** The engine refuses the request as such: repeating it is of no use. */
  | 'invalid'
  /** The container is in a state, or its name in a use, that rules the call out. */
  | 'conflict'
  /** The engine cannot be reached; whether the call took effect is unknown. */
  | 'unavailable'
  /** The engine tried and failed, or did not finish in time. */
  | 'failed';

export interface RuntimeFailure {
  readonly kind: FailureKind;
  readonly message: string;
}
