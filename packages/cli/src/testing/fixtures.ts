import {
  Job,
  JobChangeNotification,
  type JobDescriptor,
  State,
  Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { stateName, toRfc3339 } from '@berth/shared/model/task/task-state';

/** The creation time of the jobs in these tests. */
export const createdAtMs = Date.parse('2026-03-04T05:06:07.000Z');

export const jobId = '019c0000-0000-7000-8000-000000000001';

const lifeOf = (state: State): State[] =>
  state === State.FAILED ? [0, 1, 2, 3, 5] : ([0, 1, 2, 3, 4] as const).filter((passed) => passed <= state);

/** Two states are one second apart. */
const history = (state: State) =>
  lifeOf(state).map((passed, index) => ({
    state: stateName(passed),
    timestamp: toRfc3339(createdAtMs + index * 1000),
  }));

/** A task of {@link jobId}; `part` is slot and attempt, as in `0-0`. */
export function aTask(
  part: string,
  state: State,
  reason = '',
  taskContext: Record<string, string> = {},
): Task {
  return Task.fromPartial({
    id: `${jobId}.${part}`,
    state: { state, reason },
    stateChanges: history(state),
    taskContext,
  });
}

export interface JobFixture {
  readonly id?: string;
  readonly state?: State;
  readonly reason?: string;
  readonly tasks?: readonly Task[];
  readonly desired?: number;
  readonly kind?: 'batch' | 'service';
}

export function aJob(fixture: JobFixture = {}): Job {
  const { id = jobId, state = State.RUNNING, reason = '', tasks = [], desired = 1, kind = 'batch' } = fixture;
  return Job.fromPartial({
    id,
    jobClusterId: 'default',
    jobDescriptor: {
      appName: 'web',
      owner: { ownerEmail: 'ann@example.com', teamEmail: 'ann@example.com' },
      containers: { main: { image: { name: 'web:1' }, command: ['sleep', '1'] } },
      jobSpec: spec(kind, desired),
    },
    jobState: { state, reason },
    tasks: [...tasks],
    stateChanges: history(state),
  });
}

function spec(kind: 'batch' | 'service', desired: number): JobDescriptor['jobSpec'] {
  const common = {
    instances: { min: undefined, max: undefined, desired },
    retryPolicy: undefined,
    containerId: 'main',
  };
  if (kind === 'batch') return { $case: 'batch', value: { ...common, runtimeLimitSecs: 0 } };
  return { $case: 'service', value: { ...common, enabled: true, scalingPolices: [] } };
}

/** A Transient job of two stages; the second wants two tasks. */
export function aStagedJob(tasks: readonly Task[] = []): Job {
  const image = { name: 'web:1' };
  const autoScalingPolicy = { strategies: { CPU: { scaleUpAbovePct: 80 } } };
  const stages = [
    { containerId: 'read', instances: { desired: 1 } },
    { containerId: 'count', instances: { min: 1, max: 8, desired: 2 }, autoScalingPolicy },
  ];
  const jobSLA = {
    durationType: 1 as const,
    minRuntimeSecs: 60,
    runtimeLimitSecs: 7200,
    userProvidedType: 'clicks',
  };
  return Job.fromPartial({
    ...aJob({ tasks }),
    jobDescriptor: {
      appName: 'clicks',
      containers: { read: { image }, count: { image } },
      jobSpec: { $case: 'mantis', value: { name: 'clicks', jobSLA, stages } },
    },
  });
}

/** A task of a stage; `part` is stage, slot and attempt, as in `1-0-0`. */
export function aWorker(part: string, number: number, state: State = State.RUNNING): Task {
  const [stage = '', index = ''] = part.split('-');
  const context = { 'task.stage': stage, 'task.workerIndex': index, 'task.workerNumber': String(number) };
  return aTask(part, state, '', context);
}

export const notify = {
  snapshot: (job: Job) =>
    JobChangeNotification.create({ notification: { $case: 'jobSnapshot', value: { job } } }),
  snapshotEnd: () => JobChangeNotification.create({ notification: { $case: 'snapshotEnd', value: {} } }),
  task: (task: Task) =>
    JobChangeNotification.create({ notification: { $case: 'taskUdate', value: { task } } }),
  finished: (id = jobId) =>
    JobChangeNotification.create({ notification: { $case: 'jobFinished', value: { id } } }),
};
