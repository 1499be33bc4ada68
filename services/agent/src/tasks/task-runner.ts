import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { type ContainerSpec, containerSpec, type HostSettings, hasAddress } from '../core/container-spec.js';
import { isGone, nextStep, type TaskStep, wantsImage } from '../core/next-step.js';
import { reduceTask, stuckRemovals, type TaskEvent } from '../core/reduce-task.js';
import { resultsIn } from '../core/results.js';
import { newTaskView, type Observation, type RuntimeCall, type TaskView } from '../core/task-view.js';
import type { Semaphore } from '../primitives/semaphore.js';
import type { Cancel, TimerQueue } from '../primitives/timer-queue.js';
import { type ContainerRuntime, RuntimeError } from '../runtime/contract/container-runtime.js';
import type { ImagePulls, PullShare } from './image-pulls.js';
import type { LaunchLimiter, LaunchPermit } from './launch-limiter.js';

/** The parts that all runners of one agent share. */
export interface RunnerContext {
  readonly runtime: ContainerRuntime;
  readonly launches: LaunchLimiter;
  /** Stops and kills have a limit of their own. So none waits behind launches or removals. */
  readonly stops: Semaphore;
  readonly removals: Semaphore;
  readonly inspections: Semaphore;
  readonly pulls: ImagePulls;
  readonly timers: TimerQueue;
  readonly clock: Clock;
  readonly log: Logger;
  /** Complete once the engine has answered for the first time. */
  host(): HostSettings;
  report(taskId: string, observation: Observation): void;
  /** Is called after each answer of the engine. */
  engineAnswered(): void;
  /** Is called when the task has no further step for now. */
  settled(taskId: string): void;
  /** Is called when the agent has nothing left of the task. */
  forget(taskId: string): void;
}

/** Most pulls take less time. Their progress is not reported. */
const firstPullReportMs = 2_000;
const pullReportMs = 15_000;

type AwaitedCall = Exclude<RuntimeCall, 'pull'>;

/**
 * Brings one task to the state that its assignment wants: it decides the next step, takes it, applies the
 * result, and begins again. Between steps it waits without a timer of its own; each event starts it again.
 */
export class TaskRunner {
  readonly #context: RunnerContext;
  #view: TaskView;
  #isBusy = false;
  #isClosed = false;
  #permit: LaunchPermit | undefined;
  #leaveQueue: Cancel | undefined;
  #cancelWait: Cancel | undefined;
  #pull: PullShare | undefined;
  #cancelPullReport: Cancel | undefined;
  #wasCreatedHere = false;
  /** The number of events about the container. */
  #containerChanges = 0;
  /** The last spec, with the inputs that it was made from. */
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

  /** True if the task certainly has no running container, and will have none. */
  get isGone(): boolean {
    return !this.#isBusy && isGone(this.#view);
  }

  /** Applies an event and takes the steps that follow from it. */
  dispatch(event: TaskEvent): void {
    this.note(event);
    this.drive();
  }

  /** Applies an event only. {@link drive} must follow. */
  note(event: TaskEvent): void {
    if (event.is === 'containerChanged') this.#containerChanges += 1;
    this.#view = reduceTask(this.#view, event, this.#context.clock.nowMs());
  }

  /** Takes all steps of the task, unless it already does. */
  drive(): void {
    if (this.#isBusy || this.#isClosed) return;
    this.#isBusy = true;
    this.#cancelWait?.();
    // A failed step becomes part of the view. An error that is thrown here is a defect and ends the process.
    void this.#takeSteps();
  }

  /** Leaves the container as it is. */
  close(): void {
    this.#isClosed = true;
    this.#cancelWait?.();
    this.#leaveLaunch(false);
    this.#leavePull();
  }

  async #takeSteps(): Promise<void> {
    while (!this.#isClosed) {
      this.#dropUselessPull();
      const step = nextStep(this.#view, this.#context.clock.nowMs());
      if (step.do !== 'create' && step.do !== 'start') this.#leaveLaunch(false);
      const call = this.#takeAtOnce(step);
      if (call === 'wait') break;
      if (call !== 'continue') await this.#attempt(call);
    }
    this.#isBusy = false;
    if (!this.#isClosed) this.#context.settled(this.#view.taskId);
  }

  /**
   * Takes a step that needs no waiting, and says if the next step may follow. For any other step it returns
   * the call.
   */
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

  #dropUselessPull(): void {
    if (this.#pull === undefined || wantsImage(this.#view)) return;
    this.#leavePull();
    this.note({ is: 'pullLeft' });
  }

  #report(observation: Observation): void {
    this.#context.report(this.#view.taskId, observation);
    this.note({ is: 'reported', observation });
  }

  /** A pull can take minutes. It runs beside the steps. So the task can still be cancelled. */
  #beginPull(): void {
    this.note({ is: 'pulling' });
    const { pulls, clock } = this.#context;
    const pull = pulls.join(this.#spec().image);
    this.#pull = pull;
    this.#reportPullAt(clock.nowMs() + firstPullReportMs, pull);
    const then = (apply: () => void) => {
      if (this.#pull !== pull) return;
      this.#leavePull();
      apply();
      this.drive();
    };
    void pull.done.then(
      (reference) => then(() => this.note({ is: 'pulled', reference })),
      (error: unknown) => then(() => this.#failed(error, 'pull')),
    );
  }

  /** Reports the pull's progress from then on. So the master can tell a slow pull from a stuck task. */
  #reportPullAt(atMs: number, pull: PullShare): void {
    const { timers, clock, report } = this.#context;
    this.#cancelPullReport = timers.at(atMs, () => {
      const { text, progressAtMs } = pull.status();
      const { taskId } = this.#view;
      const observation = { state: State.STARTING, code: '', text, stopped: false, atMs: progressAtMs };
      report(taskId, { ...observation, context: {} });
      this.#reportPullAt(clock.nowMs() + pullReportMs, pull);
    });
  }

  #leavePull(): void {
    this.#cancelPullReport?.();
    this.#pull?.leave();
    this.#pull = undefined;
  }

  /** True if the task has a launch permit. Otherwise the permit's arrival starts the runner again. */
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
      // The event of the container's end may have overtaken an older answer.
      const isOld = event.is === 'inspected' && this.#containerChanges > changesBefore;
      if (isOld && event.container?.state === 'running') this.note({ is: 'containerChanged' });
      if (event.is === 'started') this.#leaveLaunch(this.#wasCreatedHere);
    } catch (error) {
      this.#failed(error, call);
    }
  }

  #call(call: AwaitedCall): Promise<TaskEvent> {
    const { runtime, stops, removals, inspections } = this.#context;
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
          this.note({ is: 'signalling' });
          await runtime.stop(taskId);
          return { is: 'stopSent' };
        });
      case 'kill':
        return stops.run(async () => {
          this.note({ is: 'signalling' });
          await runtime.kill(taskId);
          return { is: 'killSent' };
        });
      case 'collect':
        return inspections.run(async () => {
          return { is: 'collected', results: resultsIn(await runtime.readResults(taskId)) };
        });
      case 'remove':
        return removals.run(async () => {
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
      log.error({ err: error, taskId }, `could not ${during}, and the engine is not the reason`);
    else if (error.kind !== 'unavailable') log.debug({ err: error, taskId }, `could not ${during}`);
    if (isExpected && error.kind !== 'unavailable') this.#context.engineAnswered();
    const failure = isExpected ? error : new RuntimeError('failed', `the agent failed to ${during}`, error);
    this.note({ is: 'failed', during, failure });
    if (during === 'remove') this.#warnOfRemoval(failure);
  }

  /** One warning for each container is enough. A metric counts the containers. */
  #warnOfRemoval(err: RuntimeError): void {
    const { taskId, progress } = this.#view;
    if (progress.removeFailures !== stuckRemovals) return;
    const text = 'the container cannot be removed; the agent tries again at growing intervals';
    this.#context.log.warn({ err, taskId }, text);
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
