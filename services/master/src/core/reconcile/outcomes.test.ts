import type { JobRecord, TaskRecord, TaskReport } from '@berth/shared/gen/berth/v1/store';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, isTerminal, State, stateName, taskState } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import {
  aJob,
  aReport,
  aTask,
  type JobOptions,
  limits,
  look,
  minute,
  must,
  second,
  t0,
  type ViewOptions,
} from '../../testing/fixtures.js';
import { applyReport } from '../task/apply-report.js';
import type { ReconcileContext } from './reconcile-context.js';

/*
 * Every cause of an end in every phase of a slot's life. docs/outcomes.md has the same tables for people.
 * A result is the end of the task, then the end of the job, or the sequel of the slot.
 */

const ofStop = (code: string) => ({ stop: { code, text: '', atMs: t0 }, deadlineAtMs: t0 + minute });

/** The slot's newest task in each phase. */
const phases = {
  waiting: undefined,
  queued: { state: State.QUEUED },
  dispatched: { state: State.DISPATCHED },
  pulling: { state: State.STARTING },
  running: { state: State.RUNNING },
  'ended 0, unseen': { state: State.RUNNING },
  'ended 3, unseen': { state: State.RUNNING },
  'being killed': { state: State.RUNNING, record: ofStop('killed') },
  'being moved': { state: State.RUNNING, record: ofStop('moved') },
  'over its limit': { state: State.RUNNING, record: ofStop('runtimeLimitExceeded') },
  'waits for its retry': { state: State.FAILED, code: 'failed' },
  'waits after a lost agent': { state: State.FAILED, code: 'agentLost' },
} as const satisfies Record<string, Parameters<typeof aTask>[0] | undefined>;

type Phase = keyof typeof phases;

interface Situation {
  readonly job: JobRecord;
  readonly task: TaskRecord | undefined;
}

/** The way in which each cause reaches a reconcile pass. */
const causes = {
  'kill of the task': ({ task }) => ({ view: { stopRequests: task === undefined ? [] : [taskIdOf(task)] } }),
  'kill of the job': ({ job }) => ({ view: { job: { ...job, kill: { atMs: t0, by: 'ada' } } } }),
  'scale-down': ({ job }) => ({ view: { job: scaledDown(job) } }),
  drain: () => ({ view: { drained: { 'agent-1': t0 } } }),
  'lost agent': () => ({ view: { lostAgents: ['agent-1'] } }),
  preemption: () => ({ pass: { isAwaited: ({ agentId }) => agentId !== '' } }),
} as const satisfies Record<string, (situation: Situation) => Disturbance>;

type Cause = keyof typeof causes;

interface Disturbance {
  readonly view?: Partial<ViewOptions>;
  readonly pass?: Partial<ReconcileContext>;
}

function scaledDown(job: JobRecord): JobRecord {
  const descriptor = must(job.descriptor);
  const spec = must(descriptor.jobSpec?.$case === 'service' ? descriptor.jobSpec.value : undefined);
  const instances = { ...must(spec.instances), desired: 0 };
  return {
    ...job,
    descriptor: { ...descriptor, jobSpec: { $case: 'service', value: { ...spec, instances } } },
  };
}

const retry = {
  $case: 'delayed',
  value: { initialDelayMs: 100 * second, delayMs: 100 * second, retries: 3 },
} as const;

/** Returns the outcome once nothing more happens, or the next attempt is there. */
function outcomeOf(options: JobOptions, phase: Phase, cause: Cause): string {
  const job = aJob({ retry, ...options });
  const given = phases[phase];
  const task = given && aTask({ job, ...given });
  const { view = {}, pass = {} }: Disturbance = causes[cause]({ job, task });
  let at: ViewOptions = { job, tasks: task === undefined ? [] : [task], ...view };
  let nowMs = t0;
  for (let passes = 0; passes < 10; passes += 1) {
    const decision = look(at, { ...pass, nowMs });
    const tasks = (decision.next.tasks ?? []).map((each) => afterReport(each, phase, cause));
    const hasSequel = tasks.some(({ attempt }) => attempt > 0) || (task === undefined && tasks.length > 0);
    const isQuiet = decision.tasks.length === 0 && decision.status === undefined;
    at = { ...decision.next, tasks };
    if (hasSequel || isTerminal(at.status?.state?.state ?? State.QUEUED)) break;
    if (isQuiet && decision.nextDueMs >= t0 + limits.finishedRetentionMs) break;
    if (isQuiet) nowMs = decision.nextDueMs;
  }
  return described(at);
}

/**
 * The agent obeys an order to stop, or reports the end that had come before it. A lost agent says nothing.
 */
function afterReport(task: TaskRecord, phase: Phase, cause: Cause): TaskRecord {
  if (!isTaskLive(task) || task.agentId === '' || cause === 'lost agent') return task;
  const own = ownEnd(phase);
  if (own === undefined && task.stop === undefined) return task;
  const report = own ?? {
    state: State.FAILED,
    code: 'failed',
    text: 'SIGTERM (exit code 143)',
    stopped: true,
  };
  const settings = { nowMs: t0, limits, runtimeLimitMs: 0 };
  return applyReport(task, aReport(task, report.state, report), settings) ?? task;
}

function ownEnd(phase: Phase): (Partial<TaskReport> & { readonly state: State }) | undefined {
  if (phase === 'ended 0, unseen') return { state: State.FINISHED, code: 'normal' };
  if (phase === 'ended 3, unseen') return { state: State.FAILED, code: 'failed', text: 'exit code 3' };
  return undefined;
}

function described({ tasks = [], status, job }: ViewOptions): string {
  const [first, second] = tasks;
  const codeOf = (reason = '') => reason.replace(/:.*/, '');
  const end =
    first === undefined || isTaskLive(first)
      ? stateName(first === undefined ? State.QUEUED : taskState(first))
      : `${stateName(taskState(first))} ${codeOf(first.task?.state?.reason)}`;
  const ofJob = status?.state;
  if (ofJob !== undefined && isTerminal(ofJob.state))
    return `${first === undefined ? 'no task' : end}; job ${stateName(ofJob.state)} ${codeOf(ofJob.reason)}`;
  if (second !== undefined) return `${end}; next attempt`;
  const isGone = first?.replaced === true && job?.descriptor?.jobSpec?.$case === 'service';
  return isGone ? `${end}; slot gone` : `${end}; goes on`;
}

type Table = Partial<Record<Cause, Partial<Record<Phase, string>>>>;

function itGives(options: JobOptions, table: Table): void {
  const rows = Object.entries(table).flatMap(([cause, ofCause]) =>
    Object.entries(ofCause).map(([phase, outcome]) => ({ cause, phase, outcome })),
  );
  it.each(rows)('$cause, $phase: $outcome', ({ cause, phase, outcome }) => {
    expect(outcomeOf(options, phase as Phase, cause as Cause)).toBe(outcome);
  });
}

const killed = 'FINISHED killed; job FINISHED killed';
const overLimit = 'FAILED runtimeLimitExceeded; job FAILED failed';
const normal = 'FINISHED normal; job FINISHED normal';

describe('the outcome of a batch job that has retries left', () => {
  const afterwards = (code: string) => ({
    waiting: 'QUEUED; goes on',
    queued: 'QUEUED; goes on',
    dispatched: `FAILED ${code}; next attempt`,
    pulling: `FAILED ${code}; next attempt`,
    running: `FAILED ${code}; next attempt`,
    'being killed': killed,
    'being moved': 'FAILED moved; next attempt',
    'over its limit': overLimit,
    'waits for its retry': 'FAILED failed; next attempt',
    'waits after a lost agent': 'FAILED agentLost; next attempt',
  });
  const ownEnds = { 'ended 0, unseen': normal, 'ended 3, unseen': 'FAILED failed; next attempt' };
  itGives(
    { kind: 'batch' },
    {
      'kill of the task': {
        queued: killed,
        dispatched: killed,
        pulling: killed,
        running: killed,
        'ended 0, unseen': normal,
        'ended 3, unseen': 'FAILED failed; job FAILED failed',
        'being killed': killed,
        'being moved': killed,
        'over its limit': overLimit,
        'waits for its retry': 'FAILED failed; job FAILED failed',
        'waits after a lost agent': 'FAILED agentLost; job FINISHED killed',
      },
      'kill of the job': {
        waiting: 'no task; job FINISHED killed',
        queued: killed,
        dispatched: killed,
        pulling: killed,
        running: killed,
        'ended 0, unseen': 'FINISHED normal; job FINISHED killed',
        'ended 3, unseen': 'FAILED failed; job FINISHED killed',
        'being killed': killed,
        'being moved': killed,
        'over its limit': 'FAILED runtimeLimitExceeded; job FINISHED killed',
        'waits for its retry': 'FAILED failed; job FINISHED killed',
        'waits after a lost agent': 'FAILED agentLost; job FINISHED killed',
      },
      drain: { ...afterwards('moved'), ...ownEnds },
      preemption: { ...afterwards('preempted'), ...ownEnds },
      'lost agent': {
        ...afterwards('agentLost'),
        'ended 0, unseen': 'FAILED agentLost; next attempt',
        'ended 3, unseen': 'FAILED agentLost; next attempt',
      },
    },
  );
});

describe('the outcome of a batch job of which nothing may be started a second time', () => {
  const afterwards = (code: string) => ({
    queued: 'QUEUED; goes on',
    dispatched: `FAILED ${code}; job FAILED failed`,
    pulling: `FAILED ${code}; job FAILED failed`,
    running: `FAILED ${code}; job FAILED failed`,
    'ended 0, unseen': normal,
    'ended 3, unseen': 'FAILED failed; job FAILED failed',
    'being killed': killed,
  });
  const lost = 'FAILED agentLost; job FAILED failed';
  itGives(
    { kind: 'batch', labels: { 'berth.retries': 'never' } },
    {
      'kill of the task': {
        queued: killed,
        running: killed,
        'ended 3, unseen': 'FAILED failed; job FAILED failed',
      },
      drain: afterwards('moved'),
      preemption: afterwards('preempted'),
      'lost agent': { ...afterwards('agentLost'), 'ended 0, unseen': lost, 'ended 3, unseen': lost },
    },
  );

  it('has another attempt only after an agent that refused the task', () => {
    const job = aJob({ labels: { 'berth.retries': 'never' }, retry });
    const refused = look({ job, tasks: [aTask({ job, state: State.FAILED, code: 'refused' })] });
    expect(refused.tasks.map(({ attempt }) => attempt)).toEqual([0, 1]);
    for (const code of ['failed', 'oom', 'invalidRequest', 'systemError', 'stuckInState']) {
      const { tasks, status } = look({ job, tasks: [aTask({ job, state: State.FAILED, code })] });
      expect([tasks, status?.state?.state]).toEqual([[], State.FAILED]);
    }
  });
});

describe('the outcome of a service', () => {
  const afterwards = (code: string) => ({
    queued: 'QUEUED; goes on',
    dispatched: `FAILED ${code}; next attempt`,
    pulling: `FAILED ${code}; next attempt`,
    running: `FAILED ${code}; next attempt`,
    'being killed': 'FINISHED killed; next attempt',
    'being moved': 'FAILED moved; next attempt',
    'waits for its retry': 'FAILED failed; next attempt',
    'waits after a lost agent': 'FAILED agentLost; next attempt',
  });
  const ownEnds = {
    'ended 0, unseen': 'FINISHED normal; next attempt',
    'ended 3, unseen': 'FAILED failed; next attempt',
  };
  itGives(
    { kind: 'service' },
    {
      'kill of the task': {
        ...ownEnds,
        queued: 'FINISHED killed; next attempt',
        dispatched: 'FINISHED killed; next attempt',
        pulling: 'FINISHED killed; next attempt',
        running: 'FINISHED killed; next attempt',
        'being killed': 'FINISHED killed; next attempt',
        'being moved': 'FINISHED killed; next attempt',
        'waits for its retry': 'FAILED failed; next attempt',
        'waits after a lost agent': 'FAILED agentLost; next attempt',
      },
      'kill of the job': {
        waiting: 'no task; job FINISHED killed',
        queued: killed,
        dispatched: killed,
        pulling: killed,
        running: killed,
        'ended 0, unseen': 'FINISHED normal; job FINISHED killed',
        'ended 3, unseen': 'FAILED failed; job FINISHED killed',
        'being killed': killed,
        'being moved': killed,
        'waits for its retry': 'FAILED failed; job FINISHED killed',
        'waits after a lost agent': 'FAILED agentLost; job FINISHED killed',
      },
      'scale-down': {
        queued: 'FINISHED scaledDown; slot gone',
        dispatched: 'FINISHED scaledDown; slot gone',
        pulling: 'FINISHED scaledDown; slot gone',
        running: 'FINISHED scaledDown; slot gone',
        'ended 0, unseen': 'FINISHED normal; slot gone',
        'ended 3, unseen': 'FAILED failed; slot gone',
        'being killed': 'FINISHED killed; slot gone',
        'being moved': 'FINISHED scaledDown; slot gone',
        'waits for its retry': 'FAILED failed; slot gone',
        'waits after a lost agent': 'FAILED agentLost; slot gone',
      },
      drain: { ...afterwards('moved'), ...ownEnds },
      preemption: { ...afterwards('preempted'), ...ownEnds },
      'lost agent': {
        ...afterwards('agentLost'),
        'ended 0, unseen': 'FAILED agentLost; next attempt',
        'ended 3, unseen': 'FAILED agentLost; next attempt',
      },
    },
  );
});

describe('the runtime limit', () => {
  const overdue = (job: JobRecord) => {
    const task = aTask({ job, state: State.RUNNING, record: { deadlineAtMs: t0 } });
    const ordered = must(look({ job, tasks: [task] }).next.tasks?.[0]);
    const report = aReport(ordered, State.FAILED, { stopped: true });
    const ended = must(applyReport(ordered, report, { nowMs: t0, limits, runtimeLimitMs: 0 }));
    return look({ job, tasks: [ended] });
  };

  it('is the end of a slot, also if it has retries left', () => {
    const { tasks, status } = overdue(aJob({ retry, runtimeLimitSecs: 1 }));
    expect(tasks).toEqual([]);
    expect(status?.state?.reason).toMatch(/^failed: 1 of 1 tasks failed; .*runtimeLimitExceeded/);
  });

  it('uses up a retry if the job asks for that', () => {
    const job = aJob({ retry, runtimeLimitSecs: 1, labels: { 'berth.retryRuntimeLimit': 'true' } });
    expect(overdue(job).tasks[0]?.replaceAtMs).toBe(t0 + 100 * second);
  });
});

describe('a batch job of several tasks', () => {
  const job = aJob({ desired: 3, retry });
  const [done, stopped, failed] = [
    aTask({ job, slot: 0, state: State.FINISHED }),
    aTask({ job, slot: 1, state: State.FINISHED, code: 'killed' }),
    aTask({ job, slot: 2, state: State.FAILED, record: { userRetries: 3 } }),
  ];

  it('was killed if one of its tasks was', () => {
    const tasks = [done, stopped, { ...done, slot: 2 }];
    expect(look({ job, tasks }).status?.state).toEqual({
      state: State.FINISHED,
      reason: 'killed: 1 of 3 tasks ended by a kill',
    });
  });

  it('has failed if one of its tasks failed, and another was killed', () => {
    expect(look({ job, tasks: [done, stopped, failed] }).status?.state).toMatchObject({
      state: State.FAILED,
    });
  });

  it('gives a killed slot up, also while no task may be created', () => {
    const full = { ...limits, maxNotRunningPerJob: 1 };
    const waits = aTask({ job, slot: 1, state: State.FAILED });
    const tasks = [aTask({ job, slot: 0 }), waits];
    const { tasks: changed } = look({ job, tasks, stopRequests: [taskIdOf(waits)] }, { limits: full });
    expect(changed).toMatchObject([{ slot: 1, stop: { code: 'killed' }, replaceAtMs: 0 }]);
  });
});

describe('the deadline of an order to stop', () => {
  it.each([
    ['of the cell', undefined, limits.killGraceMs],
    ['of the container', '2m', 2 * minute],
    ['of the container, up to the limit of the operator', '1h', limits.maxKillGraceMs],
  ])('counts the grace %s', (_, grace, graceMs) => {
    const plain = aJob();
    const containers = Object.entries(must(plain.descriptor).containers).map(([id, container]) => [
      id,
      { ...container, parameters: grace === undefined ? {} : { 'berth.killGrace': grace } },
    ]);
    const job = {
      ...plain,
      descriptor: { ...must(plain.descriptor), containers: Object.fromEntries(containers) },
    };
    const task = aTask({ job, state: State.RUNNING });
    const { tasks } = look({ job, tasks: [task], stopRequests: [taskIdOf(task)] });
    expect(tasks[0]?.deadlineAtMs).toBe(t0 + graceMs + limits.stopConfirmMs);
  });
});
