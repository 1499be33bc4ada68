import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { type ContainerSpec, containerSpec, type HostSettings, hasAddress } from '../core/container-spec.js';
import { isGone, nextStep, type TaskStep } from '../core/next-step.js';
import { reduceTask, type TaskEvent } from '../core/reduce-task.js';
import { resultsIn } from '../core/results.js';
import { newTaskView, type Observation, type RuntimeCall, type TaskView } from '../core/task-view.js';
import type { Semaphore } from '../primitives/semaphore.js';
import type { Cancel, TimerQueue } from '../primitives/timer-queue.js';
import { type ContainerRuntime, RuntimeError } from '../runtime/contract/container-runtime.js';
import type { LaunchLimiter, LaunchPermit } from './launch-limiter.js';

/** What the runners of one agent share. */
export interface RunnerContext {
  readonly runtime: ContainerRuntime;
  readonly launches: LaunchLimiter;
  /** Stops, kills and removals: apart from launches, so that none waits behind them. */
  readonly stops: Semaphore;
  readonly inspections: Semaphore;
  readonly pulls: Semaphore;
  readonly timers: TimerQueue;
  readonly clock: Clock;
  readonly log: Logger;
  /** Known fully once the engine has answered for the first time. */
  host(): HostSettings;
  report(taskId: string, observation: Observation): void;
  /** The engine has answered a call. */
  engineAnswered(): void;
  /** All steps that there were to take for the task have been taken. */
  settled(taskId: string): void;
  /** Nothing is left of the task here. */
  forget(taskId: string): void;
}

type AwaitedCall = Exclude<RuntimeCall, 'pull'>;

/**
 * Brings one task to where its assignment wants it: decide the next step, take it, remember what came of it, and again.
 * Between steps it rests without a timer of its own; any event sets it going.
 */
export class TaskRunner {
  readonly #context: RunnerContext;
  #view: TaskView;
  #isBusy = false;
  #isClosed = false;
  #permit: LaunchPermit | undefined;
  #leaveQueue: Cancel | undefined;
  #cancelWait: Cancel | undefined;
  #wasCreatedHere = false;
  /** How often something has happened to the container. */
  #containerChanges = 0;
  /** The last spec that was made, and of what. */
  #made:
    | { readonly assignment: Assignment; readonly host: HostSettings; readonly spec: ContainerSpec }
    | undefined;

  constructor(taskId: string, context: RunnerContext) {
    this.#view = newTaskView(taskId);
    this.#context = context;
  }

  get view(): TaskView {
    return this.#view;
  }

  /** Whether the task certainly has no container that runs, and will have none. */
  get isGone(): boolean {
    return !this.#isBusy && isGone(this.#view);
  }

  /** Takes note of what happened, and of what follows from it. */
  dispatch(event: TaskEvent): void {
    this.note(event);
    this.drive();
  }

  /** Takes note only; {@link drive} has to follow. */
  note(event: TaskEvent): void {
    if (event.is === 'containerChanged') this.#containerChanges += 1;
    this.#view = reduceTask(this.#view, event, this.#context.clock.nowMs());
  }

  /** Takes all steps that there are to take, unless it is at it already. */
  drive(): void {
    if (this.#isBusy || this.#isClosed) return;
    this.#isBusy = true;
    this.#cancelWait?.();
    // Steps that fail are remembered; what is thrown here is a defect, and ends the process.
    void this.#takeSteps();
  }

  /** Leaves the container as it is. */
  close(): void {
    this.#isClosed = true;
    this.#cancelWait?.();
    this.#leaveLaunch(false);
  }

  async #takeSteps(): Promise<void> {
    while (!this.#isClosed) {
      const step = nextStep(this.#view, this.#context.clock.nowMs());
      if (step.do !== 'create' && step.do !== 'start') this.#leaveLaunch(false);
      const call = this.#takeAtOnce(step);
      if (call === 'wait') break;
      if (call !== 'continue') await this.#attempt(call);
    }
    this.#isBusy = false;
    if (!this.#isClosed) this.#context.settled(this.#view.taskId);
  }

  /** Takes a step that needs no waiting, and says whether to go on; or tells the call that the step is. */
  #takeAtOnce(step: TaskStep): AwaitedCall | 'continue' | 'wait' {
    switch (step.do) {
      case 'none':
        return 'wait';
      case 'wait':
        this.#cancelWait = this.#context.timers.at(step.untilMs, () => this.drive());
        return 'wait';
      case 'forget':
        this.close();
        this.#context.forget(this.#view.taskId);
        return 'wait';
      case 'report':
        this.#report(step.observation);
        return 'continue';
      case 'pull':
        this.#beginPull();
        return 'continue';
      case 'create':
      case 'start':
        return this.#mayLaunch() ? step.do : 'wait';
      default:
        return step.do;
    }
  }

  #report(observation: Observation): void {
    this.#context.report(this.#view.taskId, observation);
    this.note({ is: 'reported', observation });
  }

  /** A pull can take minutes: it goes on beside the steps, so that the task can still be called off. */
  #beginPull(): void {
    this.note({ is: 'pulling' });
    const { pulls, runtime } = this.#context;
    const image = this.#spec().image;
    void pulls
      .run(() => runtime.ensureImage(image))
      .then(
        (reference) => this.dispatch({ is: 'pulled', reference }),
        (error: unknown) => {
          this.#failed(error, 'pull');
          this.drive();
        },
      );
  }

  /** True with a slot in hand; otherwise it comes back here once it is this task's turn. */
  #mayLaunch(): boolean {
    this.#permit ??= this.#leaveQueue === undefined ? this.#context.launches.tryAcquire() : undefined;
    if (this.#permit !== undefined) return true;
    this.#leaveQueue ??= this.#context.launches.enqueue((permit) => {
      this.#leaveQueue = undefined;
      this.#permit = permit;
      this.drive();
    });
    return false;
  }

  #leaveLaunch(isLaunched: boolean): void {
    this.#leaveQueue?.();
    this.#leaveQueue = undefined;
    this.#permit?.release(isLaunched);
    this.#permit = undefined;
  }

  async #attempt(call: AwaitedCall): Promise<void> {
    const changesBefore = this.#containerChanges;
    try {
      const event = await this.#call(call);
      this.#context.engineAnswered();
      this.note(event);
      // Word of the container's end may have overtaken an answer that is from before it.
      const isOld = event.is === 'inspected' && this.#containerChanges > changesBefore;
      if (isOld && event.container?.state === 'running') this.note({ is: 'containerChanged' });
      if (event.is === 'started') this.#leaveLaunch(this.#wasCreatedHere);
    } catch (error) {
      this.#failed(error, call);
    }
  }

  #call(call: AwaitedCall): Promise<TaskEvent> {
    const { runtime, stops, inspections } = this.#context;
    const { taskId } = this.#view;
    switch (call) {
      case 'create':
        return this.#create();
      case 'start':
        return this.#start();
      case 'inspect':
        return inspections.run(async () => ({ is: 'inspected', container: await runtime.inspect(taskId) }));
      case 'stop':
        return stops.run(async () => {
          await runtime.stop(taskId);
          return { is: 'stopSent' };
        });
      case 'kill':
        return stops.run(async () => {
          await runtime.kill(taskId);
          return { is: 'killSent' };
        });
      case 'collect':
        return inspections.run(async () => {
          return { is: 'collected', results: resultsIn(await runtime.readResults(taskId)) };
        });
      case 'remove':
        return stops.run(async () => {
          await runtime.remove(taskId);
          return { is: 'removed' };
        });
    }
  }

  async #create(): Promise<TaskEvent> {
    const spec = this.#spec();
    const image = this.#view.progress.imageReference ?? spec.image;
    const { adopted } = await this.#context.runtime.create({ ...spec, image });
    this.#wasCreatedHere = !adopted;
    return { is: 'created', adopted };
  }

  async #start(): Promise<TaskEvent> {
    // The assignment may be gone once the container runs.
    const spec = this.#spec();
    await this.#context.runtime.start(spec.name);
    return { is: 'started', hasAddress: hasAddress(spec) };
  }

  #failed(error: unknown, during: RuntimeCall): void {
    const { log } = this.#context;
    const { taskId } = this.#view;
    const isExpected = error instanceof RuntimeError;
    if (!isExpected)
      log.error({ err: error, taskId }, `could not ${during} for a reason that is not the engine's`);
    else if (error.kind !== 'unavailable') log.debug({ err: error, taskId }, `could not ${during}`);
    if (isExpected && error.kind !== 'unavailable') this.#context.engineAnswered();
    const failure = isExpected ? error : new RuntimeError('failed', `the agent failed to ${during}`, error);
    this.note({ is: 'failed', during, failure });
  }

  #spec(): ContainerSpec {
    const { assignment } = this.#view;
    if (assignment === undefined) throw new RuntimeError('invalid', 'the task is not assigned');
    const host = this.#context.host();
    const made = this.#made;
    if (made?.assignment === assignment && made.host === host) return made.spec;
    const result = containerSpec(assignment, host);
    if (!result.ok) throw new RuntimeError('invalid', result.problems.join('; '));
    this.#made = { assignment, host, spec: result.spec };
    return result.spec;
  }
}
