import { Assignment } from '@berth/shared/gen/berth/v1/store';
import { isTerminal, State } from '@berth/shared/model/task/task-state';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContainerStatus, FailureKind } from './container.js';
import { nextStep, type TaskStep } from './next-step.js';
import { reduceTask, type TaskEvent } from './reduce-task.js';
import { newTaskView, type Observation, type RuntimeCall, type TaskView } from './task-view.js';

const taskId = 'job.0-0';

/** An engine, a master and an agent, for any sequence of events. */
class World {
  nowMs = 1_000_000;
  container: ContainerStatus | undefined;
  assignment: Assignment | undefined = Assignment.fromPartial({
    taskId,
    killGraceMs: 1_000,
    collectsResults: true,
  });
  readonly results = ['done'];
  view: TaskView = newTaskView(taskId);
  isForgotten = false;
  starts = 0;
  /** The reports of the agent's current process. */
  reports: Observation[] = [];
  readonly ends: Observation[] = [];

  constructor() {
    this.apply({ is: 'assigned', assignment: this.assignment });
  }

  apply(event: TaskEvent): void {
    this.view = reduceTask(this.view, event, this.nowMs);
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }

  /** Takes one step of the agent. The call may fail, and may have taken effect even then. */
  step(failure: FailureKind | undefined, takesEffect: boolean): TaskStep['do'] {
    if (this.isForgotten) return 'forget';
    const step = nextStep(this.view, this.nowMs);
    switch (step.do) {
      case 'none':
        break;
      case 'wait':
        this.nowMs = Math.max(this.nowMs, step.untilMs);
        break;
      case 'forget':
        this.isForgotten = true;
        break;
      case 'report':
        this.#hear(step.observation);
        this.apply({ is: 'reported', observation: step.observation });
        break;
      case 'pull':
        this.apply({ is: 'pulling' });
        this.apply(failure === undefined ? { is: 'pulled', reference: 'image' } : failed('pull', failure));
        break;
      default:
        if (failure === undefined) this.apply(this.#call(step.do));
        else {
          if (takesEffect && failure === 'unavailable') this.#call(step.do);
          this.apply(failed(step.do, failure));
        }
    }
    return step.do;
  }

  /** The agent's process ends, and a new one finds the containers. */
  restart(): void {
    if (this.isForgotten) return;
    this.view = newTaskView(taskId);
    this.reports = [];
    this.apply({ is: 'assigned', assignment: this.assignment });
    if (this.container !== undefined)
      this.apply({ is: 'listed', container: { taskId, state: this.container.state } });
  }

  exit(exitCode: number): void {
    if (this.container?.state !== 'running') return;
    const { startedAtMs = 0 } = this.container;
    this.container = { taskId, state: 'exited', exitCode, startedAtMs, finishedAtMs: this.nowMs };
    if (!this.isForgotten) this.apply({ is: 'containerChanged' });
  }

  order(assignment: Assignment | undefined): void {
    if (this.assignment === undefined) return;
    this.assignment = assignment;
    this.apply({ is: 'assigned', assignment });
  }

  #hear(observation: Observation): void {
    this.reports.push(observation);
    if (isTerminal(observation.state)) this.ends.push(observation);
  }

  #call(call: Exclude<RuntimeCall, 'pull'>): TaskEvent {
    switch (call) {
      case 'create': {
        const adopted = this.container !== undefined;
        this.container ??= { taskId, state: 'created' };
        return { is: 'created', adopted };
      }
      case 'start':
        return this.#start();
      case 'inspect':
        return { is: 'inspected', container: this.container };
      case 'stop':
      case 'kill':
        if (this.container?.state !== 'running')
          return failed(call, this.container ? 'conflict' : 'notFound');
        if (call === 'kill') this.exit(137);
        return { is: call === 'stop' ? 'stopSent' : 'killSent' };
      case 'collect':
        if (this.container === undefined) return failed('collect', 'notFound');
        return { is: 'collected', results: this.results };
      case 'remove':
        if (this.container?.state === 'running') return failed('remove', 'conflict');
        this.container = undefined;
        return { is: 'removed' };
    }
  }

  #start(): TaskEvent {
    if (this.container === undefined) return failed('start', 'notFound');
    if (this.container.state === 'created') {
      this.starts += 1;
      this.container = { taskId, state: 'running', startedAtMs: this.nowMs };
    }
    return { is: 'started', hasAddress: false };
  }
}

function failed(during: RuntimeCall, kind: FailureKind): TaskEvent {
  return { is: 'failed', during, failure: { kind, message: kind } };
}

const happening = fc.oneof(
  { weight: 8, arbitrary: fc.constant((world: World) => void world.step(undefined, true)) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom<FailureKind>('unavailable', 'failed'), fc.boolean()).map(
      ([kind, takesEffect]) =>
        (world: World) =>
          void world.step(kind, takesEffect),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 255 }).map((code) => (world: World) => world.exit(code)),
  },
  { weight: 1, arbitrary: fc.constant((world: World) => world.restart()) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.order(ordered(world))) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 40_000 }).map((ms) => (world: World) => world.pass(ms)),
  },
);

function ordered({ assignment, nowMs }: World): Assignment | undefined {
  return assignment && { ...assignment, stop: assignment.stop ?? { code: 'killed', text: '', atMs: nowMs } };
}

const stories = fc.array(happening, { maxLength: 60 });

/** Takes all remaining steps without further failures. */
function calmDown(world: World, until: TaskStep['do'][]): void {
  for (let count = 0; count < 100; count += 1) if (until.includes(world.step(undefined, true))) return;
  throw new Error('the agent never comes to rest');
}

describe('through all events of an engine, a master and an agent', () => {
  it('no container is started a second time', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const world = new World();
        for (const happen of story) {
          happen(world);
          expect(world.starts).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('reports never go back, and an end is repeated without changes', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const world = new World();
        for (const happen of story) happen(world);
        const states = world.reports.map(({ state }) => (isTerminal(state) ? State.FINISHED : state));
        expect(states).toEqual(states.toSorted((a, b) => a - b));
        expect(new Set(world.reports.filter(({ state }) => isTerminal(state))).size).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('a reported exit code is the container’s own', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const world = new World();
        const codes = new Set<number | undefined>();
        for (const happen of story) {
          happen(world);
          codes.add(world.container?.exitCode);
        }
        for (const { exitCode } of world.ends) if (exitCode !== undefined) expect(codes).toContain(exitCode);
      }),
    );
  });

  it('the results of a container are reported with its end, unless the engine fails to show them', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const world = new World();
        for (const happen of story) happen(world);
        for (const { exitCode, results } of world.ends)
          if (exitCode !== undefined) expect([[], world.results]).toContainEqual(results);
      }),
    );
  });

  it('a task with a stop order ends, and its end is reported', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const world = new World();
        for (const happen of story) happen(world);
        world.order(ordered(world));
        calmDown(world, ['none']);
        expect(world.container?.state).not.toBe('running');
        expect(world.ends.length).toBeGreaterThan(0);
      }),
    );
  });

  it('nothing is left of a task without an assignment', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const world = new World();
        for (const happen of story) happen(world);
        world.order(undefined);
        calmDown(world, ['forget']);
        expect(world.container).toBeUndefined();
      }),
    );
  });
});
