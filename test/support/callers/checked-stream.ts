import { ModelSubscriber } from '@berth/api/testing/model-subscriber';
import type { JobChangeNotification, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { findState, isTerminal, State, stateName } from '@berth/shared/model/task/task-state';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { waitFor } from '../process/wait-for.js';

/**
 * An observe stream with a check of its promises at each message: a snapshot, its end, then the changes of
 * each job in order. No state goes back, histories only grow, and `jobFinished` comes last. `until` and
 * `ended` reject with the first broken promise.
 */
export class CheckedStream {
  readonly model = new ModelSubscriber();
  readonly #call: ClientReadableStream<Buffer>;
  readonly #tasks = new Map<string, Task>();
  #violation: unknown;
  #code: number | undefined;

  constructor(call: ClientReadableStream<Buffer>) {
    this.#call = call;
    call.on('data', (bytes: Buffer) => this.#receive(bytes));
    // The status carries the same error.
    call.on('error', () => undefined);
    call.on('status', ({ code }) => {
      this.#code = code;
    });
  }

  /** The status at the end of the stream. */
  get code(): number | undefined {
    return this.#code;
  }

  get received(): readonly JobChangeNotification[] {
    return this.model.received;
  }

  get kinds(): readonly (string | undefined)[] {
    return this.received.map(({ notification }) => notification?.$case);
  }

  /** The newest known state of each task. */
  get tasks(): ReadonlyMap<string, Task> {
    return this.#tasks;
  }

  /** All states sent for a task, in order. */
  statesOf(taskId: string): readonly string[] {
    return this.#sentTasks()
      .filter(({ id }) => id === taskId)
      .map(({ state }) => stateName(state?.state ?? State.QUEUED));
  }

  /** Resolves when the condition is true. Rejects if the stream breaks a promise or ends before that. */
  async until(holds: (stream: this) => boolean, what: string, timeoutMs = 30_000): Promise<void> {
    await waitFor(
      () => {
        this.#check();
        if (holds(this)) return true;
        if (this.#code !== undefined)
          throw new Error(`the stream ended with status ${this.#code} before ${what}`);
        return false;
      },
      { what: `${what}; last messages: ${this.kinds.slice(-5)}`, timeoutMs },
    );
  }

  /** Waits for the end of the stream and returns its status. */
  async ended(timeoutMs = 30_000): Promise<number> {
    const code = await waitFor(() => this.#code, { what: 'the stream ends', timeoutMs });
    this.#check();
    return code;
  }

  /** Reads nothing until `resume`, like a busy subscriber. */
  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  cancel(): void {
    this.#call.cancel();
  }

  #check(): void {
    if (this.#violation !== undefined) throw this.#violation;
  }

  #receive(bytes: Buffer): void {
    if (this.#violation !== undefined) return;
    try {
      this.model.receive(bytes);
      const newest = this.received.at(-1);
      for (const task of tasksIn(newest)) this.#note(task);
    } catch (error) {
      this.#violation = error;
    }
  }

  #note(task: Task): void {
    checkHistory(this.#tasks.get(task.id), task);
    const replaced = task.taskContext['task.resubmitOf'];
    const before = replaced === undefined ? undefined : this.#tasks.get(replaced);
    if (before !== undefined && !isTerminal(before.state?.state ?? State.QUEUED)) {
      throw new Error(`${task.id} came while ${replaced}, which it replaces, had not ended`);
    }
    this.#tasks.set(task.id, task);
  }

  #sentTasks(): readonly Task[] {
    return this.received.flatMap(tasksIn);
  }
}

function tasksIn(message: JobChangeNotification | undefined): readonly Task[] {
  const notification = message?.notification;
  if (notification?.$case === 'jobSnapshot') return notification.value.job?.tasks ?? [];
  if (notification?.$case !== 'taskUdate' || notification.value.task === undefined) return [];
  return [notification.value.task];
}

/**
 * A history begins with QUEUED, only grows, goes forward in state and in time, and ends with the present
 * state.
 */
function checkHistory(before: Task | undefined, task: Task): void {
  const states = task.stateChanges.map(({ state }) => findState(state));
  const times = task.stateChanges.map(({ timestamp }) => Date.parse(timestamp));
  const text = JSON.stringify(task.stateChanges);
  if (states[0] !== State.QUEUED) throw new Error(`${task.id} does not begin QUEUED: ${text}`);
  if (states.at(-1) !== task.state?.state)
    throw new Error(`${task.id} is not where its history ends: ${text}`);
  if (states.some((state, index) => index > 0 && (state ?? -1) <= (states[index - 1] ?? -1)))
    throw new Error(`${task.id} went back in its history: ${text}`);
  if (times.some((time, index) => !(time >= (times[index - 1] ?? 0))))
    throw new Error(`${task.id} went back in time: ${text}`);
  const known = JSON.stringify(task.stateChanges.slice(0, before?.stateChanges.length ?? 0));
  if (known !== JSON.stringify(before?.stateChanges ?? []))
    throw new Error(`${task.id} has another history than before: ${text}`);
}
