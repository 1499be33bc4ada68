import type { Fault } from '@berth/shared/model/task/failure';
import type { MetricsEndpoint } from '@berth/shared/model/task/task-metrics';
import type { Observable } from 'rxjs';
import type { ContainerStatus, FailureKind, RuntimeFailure } from '../../core/container.js';
import type { ContainerSpec } from '../../core/container-spec.js';
import type { FileHead } from '../../core/results.js';
import type { ContainerUsage } from '../../core/usage.js';

/**
 * The containers of one agent on one engine. A container has its task's id as its name. Containers without
 * the agent's label do not exist for the runtime. Every call can fail with a {@link RuntimeError}. Every call
 * has a time limit; none hangs.
 */
export interface ContainerRuntime {
  /** The name that `BERTH_AGENT_RUNTIME` has for it. */
  readonly name: string;
  /** The engine's name in log lines, such as `Docker`. */
  readonly title: string;
  info(): Promise<RuntimeInfo>;
  /** Resolves when the engine answers. */
  ping(): Promise<void>;
  /**
   * Returns all containers of this agent. Of an ended container, the list says only that it has ended, not
   * how.
   */
  list(): Promise<readonly ContainerStatus[]>;
  /** Returns undefined if there is no such container. */
  inspect(taskId: string): Promise<ContainerStatus | undefined>;
  /**
   * Makes sure that the engine has the image; pulls it if necessary. Returns the reference to create
   * containers from. Fails with `notFound` if the image does not exist. A pull may take any time, but it
   * fails once it makes no progress for long.
   */
  ensureImage(reference: string, options?: PullOptions): Promise<string>;
  /**
   * Creates the container, or adopts the existing one of that name. Fails with `notFound` if the engine does
   * not have the image, with `invalid` if it refuses the settings, with `conflict` if the name belongs to
   * somebody else.
   */
  create(spec: ContainerSpec): Promise<{ readonly adopted: boolean }>;
  /**
   * Resolves once the container runs, even if it ran before. Fails with `invalid` if its command cannot be
   * started.
   */
  start(taskId: string): Promise<void>;
  /**
   * Sends the image's stop signal to the container, or SIGTERM if the image names none. Does not wait for the
   * end.
   */
  stop(taskId: string): Promise<void>;
  /** Ends the container with SIGKILL. */
  kill(taskId: string): Promise<void>;
  /**
   * Returns the beginning of the container's file of results, also after its end. Undefined if there is no
   * file. Fails with `notFound` if there is no such container.
   */
  readResults(taskId: string): Promise<FileHead | undefined>;
  /** Removes a container that does not run, with its anonymous volumes. Succeeds if there is none. */
  remove(taskId: string): Promise<void>;
  /**
   * Returns the use of resources of these containers. It must be cheap, because it is called every few
   * seconds. The result leaves out containers that do not run, and those whose figures come late; a later
   * call may have them.
   */
  sample(taskIds: readonly string[]): Promise<readonly ContainerUsage[]>;
  /**
   * Returns the container's own page of metrics. Fails with `failed` if there is no page, with `notFound` if
   * the container does not run.
   */
  readMetrics(taskId: string, endpoint: MetricsEndpoint): Promise<string>;
  /**
   * Emits the events of this agent's containers while somebody subscribes. Reconnects by itself; never
   * completes or fails.
   */
  readonly events$: Observable<RuntimeEvent>;
  close(): Promise<void>;
}

export interface PullOptions {
  /** Aborts the pull. */
  readonly signal?: AbortSignal;
  /** Is called each time that something has arrived. */
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface PullProgress {
  readonly doneBytes: number;
  /** The total of the parts that are known so far. */
  readonly totalBytes: number;
}

export interface RuntimeInfo {
  /** For example `docker 20.10.24`. */
  readonly version: string;
  readonly cpuMillis: number;
  readonly memoryMb: number;
  readonly diskMb: number;
  /** Attributes of the agent that say what its engine can do. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export type RuntimeEvent =
  /** The container has ended or was removed. The agent must inspect it. */
  | { readonly is: 'changed'; readonly taskId: string }
  /** Events flow from now on. Earlier events may be lost. The agent must list all containers. */
  | { readonly is: 'connected' }
  | { readonly is: 'disconnected'; readonly why: string };

/** A failed call to an engine. The message is for people. */
export class RuntimeError extends Error implements RuntimeFailure {
  override readonly name = 'RuntimeError';
  readonly kind: FailureKind;
  readonly fault: Fault | undefined;

  constructor(kind: FailureKind, message: string, cause?: unknown, fault?: Fault) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.fault = fault;
  }
}
