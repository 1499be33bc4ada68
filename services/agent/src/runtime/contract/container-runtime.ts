import type { MetricsEndpoint } from '@berth/shared/model/task/task-metrics';
import type { Observable } from 'rxjs';
import type { ContainerStatus, FailureKind, RuntimeFailure } from '../../core/container.js';
import type { ContainerSpec } from '../../core/container-spec.js';
import type { FileHead } from '../../core/results.js';
import type { ContainerUsage } from '../../core/usage.js';

/**
 * One agent's containers on one engine. Containers are named by their task's id; only those that carry the agent's label
 * exist for it. Every call can fail with a {@link RuntimeError}, and none of them hangs: each has a time limit.
 */
export interface ContainerRuntime {
  /** The name that `BERTH_AGENT_RUNTIME` has for it. */
  readonly name: string;
  /** The engine's name in log lines, such as `Docker`. */
  readonly title: string;
  info(): Promise<RuntimeInfo>;
  /** Resolves when the engine answers. */
  ping(): Promise<void>;
  /** All containers of this agent; of those that have ended only that, not how. */
  list(): Promise<readonly ContainerStatus[]>;
  /** Undefined when there is no such container. */
  inspect(taskId: string): Promise<ContainerStatus | undefined>;
  /**
   * Makes sure that the engine has the image, pulling it if need be, and tells the reference to create containers from.
   * Fails with `notFound` where no such image exists.
   */
  ensureImage(reference: string): Promise<string>;
  /**
   * Creates the container, or adopts the one that bears the name already. Fails with `notFound` when the engine does not
   * have the image, with `invalid` when it refuses the settings, with `conflict` when the name belongs to someone else.
   */
  create(spec: ContainerSpec): Promise<{ readonly adopted: boolean }>;
  /** Resolves once the container runs, also if it did already. Fails with `invalid` when its command cannot be started. */
  start(taskId: string): Promise<void>;
  /** Asks the container to end, with the image's stop signal (SIGTERM where it names none). Does not wait for the end. */
  stop(taskId: string): Promise<void>;
  /** Ends the container with SIGKILL. */
  kill(taskId: string): Promise<void>;
  /**
   * The beginning of the file that the container has written its results to, of a container that has ended too; undefined
   * where it has none. Fails with `notFound` when there is no such container.
   */
  readResults(taskId: string): Promise<FileHead | undefined>;
  /** Removes a container that does not run, with its anonymous volumes. Resolves also when there is none. */
  remove(taskId: string): Promise<void>;
  /**
   * What these containers have used up to now; cheap, for it is asked every few seconds. Left out are those that do not run, and
   * those of which the engine does not tell in time: a later call may know more.
   */
  sample(taskIds: readonly string[]): Promise<readonly ContainerUsage[]>;
  /** The container's own page of metrics, as it is. Fails with `failed` where it has none, `notFound` where it does not run. */
  readMetrics(taskId: string, endpoint: MetricsEndpoint): Promise<string>;
  /** What happens to this agent's containers, while subscribed. Reconnects by itself; never completes or fails. */
  readonly events$: Observable<RuntimeEvent>;
  close(): Promise<void>;
}

export interface RuntimeInfo {
  /** Such as `docker 20.10.24`. */
  readonly version: string;
  readonly cpuMillis: number;
  readonly memoryMb: number;
  readonly diskMb: number;
}

export type RuntimeEvent =
  /** The container ended or was removed: look at it. */
  | { readonly is: 'changed'; readonly taskId: string }
  /** Events flow from now on. What happened before may have been missed: look at all containers. */
  | { readonly is: 'connected' }
  | { readonly is: 'disconnected'; readonly why: string };

/** A call to an engine that failed; the message is for people. */
export class RuntimeError extends Error implements RuntimeFailure {
  override readonly name = 'RuntimeError';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}
