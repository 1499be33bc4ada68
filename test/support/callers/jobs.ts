import type { DeepPartial, Job, JobDescriptor, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { codeOf } from '@berth/shared/model/task/reason';
import { isTerminal, State } from '@berth/shared/model/task/task-state';
import { testImage } from '../engine/docker.js';

/** The behaviour of a simulated container (see `services/agent/src/runtime/simulated/core/script.ts`). */
export interface SimBehaviour {
  /** By default it runs until it is stopped. */
  readonly runMs?: number;
  readonly exitCode?: number;
  readonly startDelayMs?: number;
  readonly fail?: 'pull' | 'create' | 'start' | 'host' | 'oom';
  readonly stopDelayMs?: number;
  readonly ignoreTerm?: boolean;
}

export type Descriptor = DeepPartial<JobDescriptor>;
type Container = DeepPartial<JobDescriptor['containers'][string]>;
export type RetryPolicy = NonNullable<
  Extract<JobDescriptor['jobSpec'], { $case: 'batch' }>['value']['retryPolicy']
>['policy'];

export interface BatchOptions {
  readonly tasks?: number;
  readonly retryPolicy?: RetryPolicy;
  readonly runtimeLimitSecs?: number;
}

/** A container of the simulated runtime. */
export function simulated(behaviour: SimBehaviour = {}): Container {
  const { runMs, exitCode, startDelayMs, fail, stopDelayMs, ignoreTerm } = behaviour;
  const env = {
    BERTH_SIM_RUN_MS: runMs,
    BERTH_SIM_EXIT_CODE: exitCode,
    BERTH_SIM_START_DELAY_MS: startDelayMs,
    BERTH_SIM_FAIL: fail,
    BERTH_SIM_STOP_DELAY_MS: stopDelayMs,
    BERTH_SIM_IGNORE_TERM: ignoreTerm === true ? 1 : undefined,
  };
  const set = Object.entries(env).filter(([, value]) => value !== undefined);
  return {
    image: { name: 'simulated:1' },
    resources: { cpu: '0.1', memory: '32' },
    env: Object.fromEntries(set.map(([name, value]) => [name, String(value)])),
  };
}

export function batch(container: Container, options: BatchOptions = {}): Descriptor {
  const { tasks = 1, retryPolicy: policy, runtimeLimitSecs = 0 } = options;
  const value = {
    instances: { desired: tasks },
    runtimeLimitSecs,
    ...(policy === undefined ? {} : { retryPolicy: { policy } }),
    containerId: 'main',
  };
  return { appName: 'test-batch', containers: { main: container }, jobSpec: { $case: 'batch', value } };
}

export interface ServiceOptions {
  readonly tasks?: number;
  readonly max?: number;
  readonly retryPolicy?: RetryPolicy;
}

export function service(container: Container, options: ServiceOptions = {}): Descriptor {
  const { tasks = 1, max, retryPolicy: policy } = options;
  const value = {
    instances: { desired: tasks, ...(max === undefined ? {} : { max }) },
    ...(policy === undefined ? {} : { retryPolicy: { policy } }),
    containerId: 'main',
  };
  return { appName: 'test-service', containers: { main: container }, jobSpec: { $case: 'service', value } };
}

export function retries(count: number): RetryPolicy {
  return { $case: 'immediate', value: { retries: count } };
}

export function stateOf({ state }: Task): State {
  return state?.state ?? State.QUEUED;
}

/** Returns the code of the reason, for programs. */
export function codeIn(entity: Task | Job): string {
  return codeOf(('jobState' in entity ? entity.jobState?.reason : entity.state?.reason) ?? '');
}

export function isJobOver({ jobState }: Job): boolean {
  return isTerminal(jobState?.state ?? State.QUEUED);
}

export function tasksIn(job: Job, state: State): readonly Task[] {
  return job.tasks.filter((task) => stateOf(task) === state);
}

/** True if exactly this number of the job's tasks are live, and all of them run. */
export function runs(count: number): (job: Job) => boolean {
  return (job) => {
    const live = job.tasks.filter((task) => !isTerminal(stateOf(task)));
    return live.length === count && live.every((task) => stateOf(task) === State.RUNNING);
  };
}

/** Returns the part of a task's id after the job's id: slot and attempt. */
export function ownPart({ id }: Task): string {
  return id.slice(id.indexOf('.') + 1);
}

/** Returns a container of busybox on a real engine that runs a shell's command line. */
export function shell(commandLine: string, changes: Container = {}): Container {
  return {
    image: { name: testImage },
    resources: { cpu: '0.1', memory: '32' },
    entryPoint: ['/bin/sh', '-c'],
    command: [commandLine],
    ...changes,
  };
}

/** A stage of {@link mantis}. */
export interface StageOptions {
  readonly container: Container;
  readonly tasks?: number;
}

type MantisSpec = Extract<Descriptor['jobSpec'], { $case: 'mantis' }>['value'];

/** Returns a job of these stages, each with a container of its own. */
export function mantis(stages: readonly StageOptions[], spec: MantisSpec = {}): Descriptor {
  const ids = stages.map((_, index) => `stage-${index + 1}`);
  return {
    appName: 'test-mantis',
    containers: Object.fromEntries(stages.map(({ container }, index) => [ids[index], container])),
    jobSpec: {
      $case: 'mantis',
      value: {
        name: 'test',
        jobSLA: {},
        stages: stages.map(({ tasks = 1 }, index) => ({
          containerId: ids[index] ?? '',
          instances: { desired: tasks },
        })),
        ...spec,
      },
    },
  };
}
