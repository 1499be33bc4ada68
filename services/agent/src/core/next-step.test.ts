import { Assignment } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import type { ContainerStatus, FailureKind } from './container.js';
import { isFresh, killAgainMs, nextStep, unassignedGraceMs } from './next-step.js';
import { maxLaunchFailures, reduceTask, type TaskEvent, unreachableLimitMs } from './reduce-task.js';
import { newTaskView, type RuntimeCall, type TaskView } from './task-view.js';

const taskId = 'job.0-0';
const t0 = 1_000_000;
const stop = { code: 'killed', text: '', atMs: t0 };
const assigned = (changes: Partial<Assignment> = {}): TaskEvent => ({
  is: 'assigned',
  assignment: Assignment.fromPartial({ taskId, killGraceMs: 5_000, ...changes }),
});
const stopOrder = assigned({ stop });
const unassigned: TaskEvent = { is: 'assigned', assignment: undefined };
const failed = (during: RuntimeCall, kind: FailureKind, message = 'why'): TaskEvent => ({
  is: 'failed',
  during,
  failure: { kind, message },
});
const exited = (changes: Partial<ContainerStatus> = {}): ContainerStatus => ({
  taskId,
  state: 'exited',
  exitCode: 0,
  startedAtMs: t0 - 500,
  finishedAtMs: t0 - 100,
  ...changes,
});

/** Returns the view after these events, all at one time. */
function after(...events: readonly TaskEvent[]): TaskView {
  return events.reduce((view, event) => reduceTask(view, event, t0), newTaskView(taskId));
}

/** Applies reports until the next step is not a report. */
function reportsUntilStep(view: TaskView, nowMs = t0) {
  const states: State[] = [];
  for (let at = view; ; ) {
    const step = nextStep(at, nowMs);
    if (step.do !== 'report') return { states, step, view: at };
    states.push(step.observation.state);
    at = reduceTask(at, { is: 'reported', observation: step.observation }, nowMs);
  }
}

const begun = reportsUntilStep(after(assigned())).view;
const then = (view: TaskView, ...events: readonly TaskEvent[]) =>
  events.reduce((at, event) => reduceTask(at, event, t0), view);
const running = reportsUntilStep(
  then(begun, { is: 'created', adopted: false }, { is: 'started', hasAddress: false }),
).view;

describe('a task that ran before this process began', () => {
  const ranBefore = after(assigned(), { is: 'ranBefore' });

  it('is looked for first, and is not started again if its container is gone', () => {
    expect(nextStep(ranBefore, t0)).toEqual({ do: 'inspect' });
    const gone = then(ranBefore, { is: 'inspected', container: undefined });
    expect(nextStep(gone, t0)).toMatchObject({
      do: 'report',
      observation: { state: State.FAILED, code: 'systemError', fault: 'host', stopped: false },
    });
  });

  it('goes on if its container is there after all', () => {
    const found = then(ranBefore, { is: 'inspected', container: { taskId, state: 'running' } });
    expect(reportsUntilStep(found)).toMatchObject({ states: [State.RUNNING], step: { do: 'none' } });
  });

  it('was stopped if the order came before its container was found gone', () => {
    const gone = then(ranBefore, stopOrder, { is: 'inspected', container: undefined });
    expect(nextStep(gone, t0)).toMatchObject({ observation: { stopped: true } });
  });

  it('is not refused for lack of capacity', () => {
    expect(isFresh(ranBefore)).toBe(false);
  });
});

describe('a container whose stop outlasts its assignment', () => {
  it('keeps its own grace', () => {
    const asked = then(running, assigned({ stop, killGraceMs: 120_000 }), { is: 'stopSent' }, unassigned);
    expect(nextStep(asked, t0 + 60_000)).toEqual({ do: 'wait', untilMs: t0 + 120_000 });
    expect(nextStep(asked, t0 + 120_000)).toEqual({ do: 'kill' });
  });
});

describe('launching', () => {
  it('reports STARTING, and creates the container next', () => {
    expect(reportsUntilStep(after(assigned()))).toMatchObject({
      states: [State.STARTING],
      step: { do: 'create' },
    });
  });

  it('starts a created container, and reports RUNNING as soon as it runs', () => {
    const created = then(begun, { is: 'created', adopted: false });
    expect(nextStep(created, t0)).toEqual({ do: 'start' });
    const started = then(created, { is: 'started', hasAddress: false });
    expect(reportsUntilStep(started)).toMatchObject({ states: [State.RUNNING], step: { do: 'none' } });
  });

  it('finds out the container’s address before it reports RUNNING', () => {
    const started = then(begun, { is: 'created', adopted: false }, { is: 'started', hasAddress: true });
    expect(nextStep(started, t0)).toEqual({ do: 'inspect' });
    const container: ContainerStatus = { taskId, state: 'running', ip: '172.17.0.2', hostPorts: '80:32768' };
    expect(nextStep(then(started, { is: 'inspected', container }), t0)).toMatchObject({
      do: 'report',
      observation: {
        state: State.RUNNING,
        context: { 'task.containerIp': '172.17.0.2', 'task.hostPorts': '80:32768' },
      },
    });
  });

  it('pulls the image only after the engine has said that it is missing', () => {
    const missing = then(begun, failed('create', 'notFound'));
    expect(nextStep(missing, t0)).toEqual({ do: 'pull' });
    const pulling = then(missing, { is: 'pulling' });
    expect(nextStep(pulling, t0)).toEqual({ do: 'none' });
    expect(nextStep(then(pulling, { is: 'pulled', reference: 'app@sha256:1' }), t0)).toEqual({
      do: 'create',
    });
  });

  it('pulls the image again if it is gone when the container is created', () => {
    const pulled = then(begun, failed('create', 'notFound'), { is: 'pulled', reference: 'image' });
    const lost = then(pulled, failed('create', 'notFound'), { is: 'inspected', container: undefined });
    expect(nextStep(lost, t0 + 60_000)).toEqual({ do: 'pull' });
  });

  it('adopts a container of its name in any state', () => {
    const adopted = then(begun, { is: 'created', adopted: true });
    expect(nextStep(adopted, t0)).toEqual({ do: 'inspect' });
    expect(
      reportsUntilStep(then(adopted, { is: 'inspected', container: exited({ exitCode: 4 }) })),
    ).toMatchObject({
      states: [State.RUNNING, State.FAILED],
    });
  });

  it.each<[string, TaskEvent, string]>([
    ['an image that does not exist', failed('pull', 'notFound', 'no such image'), 'invalidRequest'],
    ['settings that the engine refuses', failed('create', 'invalid', 'too little memory'), 'invalidRequest'],
    ['a command that cannot be started', failed('start', 'invalid', 'no such file'), 'invalidRequest'],
    ['a name that someone else has', failed('create', 'conflict', 'in use'), 'systemError'],
  ])('ends at once with %s', (_, event, code) => {
    expect(nextStep(then(begun, event), t0)).toMatchObject({
      do: 'report',
      observation: { state: State.FAILED, code, stopped: false },
    });
  });

  it('tries again after a failure of the engine, each time later, and gives up after a few', () => {
    const steps: string[] = [];
    let view = begun;
    let nowMs = t0;
    for (let failure = 1; failure <= maxLaunchFailures; failure += 1) {
      view = reduceTask(view, failed('create', 'failed', 'disk full'), nowMs);
      let step = nextStep(view, nowMs);
      while (step.do === 'wait') {
        expect(step.untilMs).toBeGreaterThan(nowMs);
        nowMs = step.untilMs;
        step = nextStep(view, nowMs);
      }
      if (step.do === 'inspect') view = reduceTask(view, { is: 'inspected', container: undefined }, nowMs);
      steps.push(nextStep(view, nowMs).do);
    }
    expect(steps).toEqual(['create', 'create', 'report']);
    expect(nextStep(view, nowMs)).toMatchObject({ observation: { code: 'systemError', text: 'disk full' } });
  });

  it('waits for an engine that is away, inspects first when it returns, and gives up in the end', () => {
    const away = then(begun, failed('create', 'unavailable', 'Docker is away'));
    expect(nextStep(away, t0)).toMatchObject({ do: 'wait' });
    expect(nextStep(away, t0 + 1_000)).toEqual({ do: 'inspect' });
    const back = then(away, { is: 'inspected', container: { taskId, state: 'running' } });
    expect(nextStep(back, t0 + 1_000)).toMatchObject({ do: 'report', observation: { state: State.RUNNING } });
    const over = reduceTask(
      away,
      failed('inspect', 'unavailable', 'Docker is away'),
      t0 + unreachableLimitMs,
    );
    expect(nextStep(over, t0 + unreachableLimitMs)).toMatchObject({
      do: 'report',
      observation: { state: State.FAILED, code: 'systemError', text: 'Docker is away' },
    });
  });

  it('creates the container again if it vanishes before its start', () => {
    const gone = then(begun, { is: 'created', adopted: false }, failed('start', 'notFound'));
    expect(nextStep(gone, t0)).toEqual({ do: 'create' });
  });
});

describe('running', () => {
  it('needs nothing to be done', () => {
    expect(nextStep(running, t0)).toEqual({ do: 'none' });
  });

  it('reports the container’s own exit code once', () => {
    const over = then(running, { is: 'containerChanged' });
    expect(nextStep(over, t0)).toEqual({ do: 'inspect' });
    const seen = then(over, { is: 'inspected', container: exited({ exitCode: 3 }) });
    expect(nextStep(seen, t0)).toMatchObject({
      do: 'report',
      observation: { state: State.FAILED, code: 'failed', text: 'exit code 3', exitCode: 3, stopped: false },
    });
    expect(reportsUntilStep(seen)).toMatchObject({ states: [State.FAILED], step: { do: 'none' } });
  });

  it('reports the container’s results with its end, if they are collected', () => {
    const over = then(running, assigned({ collectsResults: true }), { is: 'inspected', container: exited() });
    expect(nextStep(over, t0)).toEqual({ do: 'collect' });
    const collected = then(over, { is: 'collected', results: ['41', '42'] });
    expect(nextStep(collected, t0)).toMatchObject({
      do: 'report',
      observation: { code: 'normal', results: ['41', '42'] },
    });
  });

  it('reports the container’s end without results that cannot be read, and waits for an engine that is away', () => {
    const over = then(running, assigned({ collectsResults: true }), {
      is: 'inspected',
      container: exited({ exitCode: 3 }),
    });
    for (const kind of ['notFound', 'conflict', 'invalid', 'failed'] as const)
      expect(nextStep(then(over, failed('collect', kind)), t0)).toMatchObject({
        do: 'report',
        observation: { code: 'failed', exitCode: 3, results: [] },
      });
    expect(nextStep(then(over, failed('collect', 'unavailable')), t0)).toMatchObject({ do: 'wait' });
  });

  it('is reported, too, if the container ended before the answer to its start', () => {
    const early = then(
      begun,
      { is: 'created', adopted: false },
      { is: 'containerChanged' },
      { is: 'started', hasAddress: false },
    );
    expect(nextStep(early, t0)).toEqual({ do: 'inspect' });
    expect(reportsUntilStep(then(early, { is: 'inspected', container: exited() }))).toMatchObject({
      states: [State.RUNNING, State.FINISHED],
    });
  });

  it('survives any absence of the engine', () => {
    const away = then(running, { is: 'containerChanged' }, failed('inspect', 'unavailable'));
    const later = reduceTask(away, failed('inspect', 'unavailable'), t0 + 100 * unreachableLimitMs);
    expect(nextStep(later, t0 + 101 * unreachableLimitMs)).toEqual({ do: 'inspect' });
  });

  it('fails as the system’s fault if somebody else removes the container', () => {
    const gone = then(running, { is: 'containerChanged' }, { is: 'inspected', container: undefined });
    expect(nextStep(gone, t0)).toMatchObject({ observation: { state: State.FAILED, code: 'systemError' } });
  });
});

describe('stopping', () => {
  it('sends the stop signal, waits for the grace, kills, and kills again', () => {
    const ordered = then(running, stopOrder);
    expect(nextStep(ordered, t0)).toEqual({ do: 'stop' });
    const asked = then(ordered, { is: 'stopSent' });
    expect(nextStep(asked, t0)).toEqual({ do: 'wait', untilMs: t0 + 5_000 });
    expect(nextStep(asked, t0 + 5_000)).toEqual({ do: 'kill' });
    const killed = reduceTask(asked, { is: 'killSent' }, t0 + 5_000);
    expect(nextStep(killed, t0 + 5_000)).toEqual({ do: 'wait', untilMs: t0 + 5_000 + killAgainMs });
    expect(nextStep(killed, t0 + 5_000 + killAgainMs)).toEqual({ do: 'kill' });
  });

  it('kills after the grace if the engine refuses the image’s stop signal', () => {
    const refused = then(running, stopOrder, failed('stop', 'invalid', 'Invalid signal: NOPE'));
    expect(nextStep(refused, t0)).toEqual({ do: 'wait', untilMs: t0 + 5_000 });
    expect(nextStep(refused, t0 + 5_000)).toEqual({ do: 'kill' });
  });

  it('kills at once without a grace', () => {
    expect(nextStep(then(running, assigned({ stop, killGraceMs: 0 })), t0)).toEqual({ do: 'kill' });
  });

  it('reports a container as stopped if it ended after its stop signal', () => {
    const over = then(
      running,
      stopOrder,
      { is: 'stopSent' },
      { is: 'inspected', container: exited({ exitCode: 0, finishedAtMs: t0 }) },
    );
    expect(nextStep(over, t0)).toMatchObject({ observation: { exitCode: 0, stopped: true } });
  });

  describe('compares the end of a container with its first signal', () => {
    const ordered = then(running, stopOrder);
    const signalling: TaskEvent = { is: 'signalling' };
    const ended = (changes: Partial<ContainerStatus>): TaskEvent => ({
      is: 'inspected',
      container: exited({ exitCode: 3, ...changes }),
    });
    const [before, later] = [{ finishedAtMs: t0 - 1 }, { finishedAtMs: t0 + 1 }];
    const answers = {
      'that was taken': { is: 'stopSent' },
      'that may have been sent': failed('stop', 'unavailable'),
      'that timed out': failed('stop', 'failed'),
      'that was refused': failed('stop', 'conflict'),
      'of a name that the engine does not know': failed('stop', 'invalid'),
    } as const satisfies Record<string, TaskEvent>;

    it.each<[keyof typeof answers, string, Partial<ContainerStatus>, boolean]>([
      ['that was taken', 'before it', before, false],
      ['that was taken', 'after it', later, true],
      [
        'that was taken',
        'by that signal, by the clock of another machine',
        { ...before, exitCode: 143 },
        true,
      ],
      ['that was taken', 'for lack of memory', { ...before, exitCode: 137, oomKilled: true }, false],
      ['that was taken', 'in its starter', { ...later, exitCode: 2 }, true],
      ['that may have been sent', 'before it', before, false],
      ['that may have been sent', 'after it', later, true],
      ['that timed out', 'after it', later, true],
      ['that was refused', 'after it', later, false],
      ['of a name that the engine does not know', 'after it', later, false],
    ])('%s, and the container ended %s', (answer, _, end, stopped) => {
      const over = then(ordered, signalling, answers[answer], ended(end));
      expect(nextStep(over, t0 + 60_000)).toMatchObject({ observation: { stopped } });
    });

    it('also if a later signal found it ended', () => {
      const over = then(
        ordered,
        signalling,
        failed('stop', 'unavailable'),
        signalling,
        failed('stop', 'conflict'),
        ended(later),
      );
      expect(nextStep(over, t0 + 60_000)).toMatchObject({ observation: { stopped: true } });
    });
  });

  it('reports the container’s own end if that came before the stop signal', () => {
    const over = then(running, stopOrder, failed('stop', 'conflict'), {
      is: 'inspected',
      container: exited(),
    });
    expect(nextStep(over, t0 + 1_000)).toMatchObject({ observation: { code: 'normal', stopped: false } });
  });

  it.each<[string, readonly TaskEvent[]]>([
    ['before anything was done', []],
    ['while the image is pulled', [failed('create', 'notFound'), { is: 'pulling' }]],
    ['before the container was started', [{ is: 'created', adopted: false }]],
    ['after the launch had failed', [failed('create', 'invalid')]],
    [
      'while a failed launch waits for another attempt',
      [failed('pull', 'failed'), { is: 'inspected', container: undefined }],
    ],
  ])('calls a task off %s', (_, events) => {
    expect(nextStep(then(begun, ...events, stopOrder), t0)).toMatchObject({
      do: 'report',
      observation: { state: State.FINISHED, stopped: true },
    });
  });

  it('inspects before it cancels a task whose launch may have taken effect', () => {
    const unsure = then(begun, failed('start', 'unavailable'), stopOrder);
    expect(nextStep(unsure, t0)).toMatchObject({ do: 'wait' });
    expect(nextStep(unsure, t0 + 1_000)).toEqual({ do: 'inspect' });
  });

  it('does not withdraw a stop order for an older copy of the assignment', () => {
    expect(nextStep(then(running, stopOrder, assigned()), t0)).toEqual({ do: 'stop' });
  });
});

describe('after the clock is put back', () => {
  const beforeMs = t0 - 3_600_000;

  it('tries again at the next event', () => {
    const waiting = then(begun, failed('create', 'failed'));
    expect(nextStep(waiting, t0)).toMatchObject({ do: 'wait' });
    expect(nextStep(waiting, beforeMs)).toEqual({ do: 'inspect' });
  });

  it('sends the stop signal again, and kills after the grace', () => {
    const asked = then(running, stopOrder, { is: 'stopSent' }, { is: 'killSent' });
    expect(nextStep(asked, beforeMs)).toEqual({ do: 'stop' });
    const again = reduceTask(asked, { is: 'stopSent' }, beforeMs);
    expect(nextStep(again, beforeMs)).toEqual({ do: 'wait', untilMs: beforeMs + 5_000 });
    expect(nextStep(again, beforeMs + 5_000)).toEqual({ do: 'kill' });
  });

  it('kills again without a grace, and then waits', () => {
    const killed = then(running, assigned({ stop, killGraceMs: 0 }), { is: 'killSent' });
    expect(nextStep(killed, beforeMs)).toEqual({ do: 'kill' });
    const again = reduceTask(killed, { is: 'killSent' }, beforeMs);
    expect(nextStep(again, beforeMs)).toEqual({ do: 'wait', untilMs: beforeMs + killAgainMs });
  });
});

describe('after a restart of the agent', () => {
  const listed = (state: ContainerStatus['state']): TaskEvent => ({
    is: 'listed',
    container: { taskId, state },
  });

  it('takes over a running container without touching it', () => {
    expect(reportsUntilStep(after(assigned(), listed('running')))).toMatchObject({
      states: [State.RUNNING],
      step: { do: 'none' },
    });
  });

  it('reports an end that it missed only after an inspection', () => {
    const over = after(assigned(), listed('exited'));
    expect(nextStep(over, t0)).toEqual({ do: 'inspect' });
    const away = then(over, failed('inspect', 'unavailable'));
    const later = reduceTask(away, failed('inspect', 'unavailable'), t0 + 10 * unreachableLimitMs);
    expect(nextStep(later, t0 + 11 * unreachableLimitMs)).toEqual({ do: 'inspect' });
    const looked = then(over, { is: 'inspected', container: exited({ exitCode: 9 }) });
    expect(reportsUntilStep(looked)).toMatchObject({ states: [State.RUNNING, State.FAILED] });
  });

  it('does not run a task again if its ended container is removed before the inspection', () => {
    const listed = after(assigned(), { is: 'listed', container: { taskId, state: 'exited' } });
    const gone = reduceTask(listed, { is: 'inspected', container: undefined }, t0);
    expect(nextStep(gone, t0)).toMatchObject({
      do: 'report',
      observation: { state: State.FAILED, code: 'systemError' },
    });
  });

  it('goes on with a container that was created but not started', () => {
    const seen = then(after(assigned(), listed('created')), {
      is: 'inspected',
      container: { taskId, state: 'created' },
    });
    expect(reportsUntilStep(seen)).toMatchObject({ states: [State.STARTING], step: { do: 'start' } });
  });

  it('makes the file for results if the container’s creator may not have made it', () => {
    const wanted = assigned({ collectsResults: true });
    const { step, view } = reportsUntilStep(
      after(wanted, { is: 'inspected', container: { taskId, state: 'created' } }),
    );
    expect(step).toEqual({ do: 'create' });
    const made = then(view, { is: 'created', adopted: true });
    expect(nextStep(made, t0)).toEqual({ do: 'inspect' });
    const seen = then(made, { is: 'inspected', container: { taskId, state: 'created' } });
    expect(nextStep(seen, t0)).toEqual({ do: 'start' });
  });

  it('makes the file for results again if the engine went away at that moment', () => {
    const lost = after(assigned({ collectsResults: true }), failed('create', 'unavailable'));
    const seen = reduceTask(lost, { is: 'inspected', container: { taskId, state: 'created' } }, t0);
    expect(reportsUntilStep(seen, t0 + unreachableLimitMs).step).toEqual({ do: 'create' });
  });

  it('does not start a container again that could not be started', () => {
    const container: ContainerStatus = { taskId, state: 'created', startError: 'no such file' };
    expect(nextStep(after(assigned(), { is: 'inspected', container }), t0)).toMatchObject({
      observation: { state: State.FAILED, code: 'invalidRequest', text: 'no such file' },
    });
  });

  it('sees from the times if an end followed from the stop order', () => {
    const seen = (finishedAtMs: number) =>
      reportsUntilStep(after(stopOrder, { is: 'inspected', container: exited({ finishedAtMs }) })).view
        .progress.end;
    expect(seen(t0 - 1)).toMatchObject({ stopped: false });
    expect(seen(t0 + 1)).toMatchObject({ stopped: true });
  });
});

describe('a task without an assignment', () => {
  it('is forgotten if there is no container', () => {
    expect(nextStep(after(unassigned), t0)).toEqual({ do: 'forget' });
  });

  it('is stopped, killed after a grace, and removed', () => {
    const stray = then(running, unassigned);
    expect(nextStep(stray, t0)).toEqual({ do: 'stop' });
    const asked = then(stray, { is: 'stopSent' });
    expect(nextStep(asked, t0)).toEqual({ do: 'wait', untilMs: t0 + unassignedGraceMs });
    const over = then(asked, { is: 'inspected', container: exited() });
    expect(nextStep(over, t0)).toEqual({ do: 'remove' });
    expect(nextStep(then(over, { is: 'removed' }), t0)).toEqual({ do: 'forget' });
  });

  it('is removed once the master knows the task’s end, and not before', () => {
    const reported = reportsUntilStep(then(running, { is: 'inspected', container: exited() })).view;
    expect(nextStep(reported, t0)).toEqual({ do: 'none' });
    expect(nextStep(then(reported, unassigned), t0)).toEqual({ do: 'remove' });
  });

  it('is removed by a later attempt if the first one fails', () => {
    const stuck = then(
      running,
      unassigned,
      { is: 'inspected', container: exited() },
      failed('remove', 'failed'),
    );
    expect(nextStep(stuck, t0)).toMatchObject({ do: 'wait' });
  });
});

describe('after the end was reported', () => {
  const reported = reportsUntilStep(
    then(running, { is: 'inspected', container: exited({ exitCode: 2 }) }),
  ).view;

  it('reports it again without changes if the report may be lost', () => {
    const doubted = then(reported, { is: 'reportsMayBeLost', all: false });
    expect(nextStep(doubted, t0 + 99)).toEqual({ do: 'report', observation: reported.progress.end });
  });

  it('reports RUNNING again only if the store has lost data', () => {
    expect(nextStep(then(running, { is: 'reportsMayBeLost', all: false }), t0)).toEqual({ do: 'none' });
    expect(nextStep(then(running, { is: 'reportsMayBeLost', all: true }), t0)).toMatchObject({
      observation: { state: State.RUNNING },
    });
  });

  it('stops a container that appears after its launch was given up', () => {
    const givenUp = reportsUntilStep(then(begun, failed('create', 'conflict'))).view;
    const late = then(givenUp, { is: 'inspected', container: { taskId, state: 'running' } });
    expect(nextStep(late, t0)).toEqual({ do: 'stop' });
  });
});
