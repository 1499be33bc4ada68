import type { Assignment, Resources, TaskReport } from '@berth/shared/gen/berth/v1/store';
import { addResources, zeroResources } from '@berth/shared/model/resources/vector';
import { State } from '@berth/shared/model/task/task-state';

/** The next step of a container that is not ordered to stop. */
export type Fate = 'progress' | 'normal' | 'failed' | 'systemError' | 'refuse' | 'hang';

/**
 * An agent as the master sees it: assignments go in, reports come out. It keeps its containers while it is
 * cut off.
 */
export class SimAgent {
  readonly id: string;
  /** The agent's assignments in the store. */
  readonly assigned = new Map<string, Assignment>();
  readonly #containers = new Map<string, State>();
  /** The resources of its containers, ended ones included. */
  readonly #given = new Map<string, Resources>();
  isCutOff = false;

  constructor(id: string) {
    this.id = id;
  }

  get containers(): number {
    return this.#containers.size;
  }

  /** The resources of its containers that have not ended, assigned or not. */
  get held(): Resources {
    let held = zeroResources();
    for (const [taskId, resources] of this.#given)
      if (this.#holdsCapacity(taskId)) held = addResources(held, resources);
    return held;
  }

  /**
   * One step for each container; none while it is cut off. Reports carry the time of the agent's own clock.
   */
  turn(fate: Fate, atMs: number): readonly TaskReport[] {
    if (this.isCutOff) return [];
    for (const taskId of [...this.#containers.keys()])
      if (!this.assigned.has(taskId)) this.#containers.delete(taskId);
    return [...this.assigned].flatMap(([taskId, assignment]) => {
      if (fate !== 'refuse' && this.#mustWait(assignment, fate)) return [];
      const report = this.#step(taskId, assignment.stop !== undefined, fate);
      if (!this.#given.has(taskId)) this.#given.set(taskId, assignment.resources ?? zeroResources());
      return report === undefined ? [] : [{ ...blank, ...report, agentId: this.id, taskId, atMs }];
    });
  }

  /** A task with victims begins once they are gone. Until then it can only be called off. */
  #mustWait(assignment: Assignment, fate: Fate): boolean {
    if (this.#containers.has(assignment.taskId)) return false;
    if (fate === 'progress' && assignment.stop !== undefined) return false;
    return assignment.awaitedTaskIds.some((id) => this.#holdsCapacity(id) || this.#mayBegin(id));
  }

  #mayBegin(taskId: string): boolean {
    return this.assigned.has(taskId) && this.#containers.get(taskId) !== State.FINISHED;
  }

  #holdsCapacity(taskId: string): boolean {
    const state = this.#containers.get(taskId);
    return state !== undefined && state !== State.FINISHED;
  }

  #step(taskId: string, mustStop: boolean, fate: Fate): Partial<TaskReport> | undefined {
    const state = this.#containers.get(taskId) ?? State.DISPATCHED;
    if (state === State.FINISHED || fate === 'hang') return undefined;
    if (fate === 'progress' && mustStop)
      return this.#end(taskId, { state: State.FAILED, code: 'failed', stopped: true });
    if (fate === 'normal' && state === State.RUNNING)
      return this.#end(taskId, { state: State.FINISHED, code: 'normal' });
    if (fate === 'failed' || fate === 'systemError')
      return this.#end(taskId, { state: State.FAILED, code: fate });
    if (fate === 'refuse' && state === State.DISPATCHED)
      return this.#end(taskId, { state: State.FAILED, code: 'refused', refused: true });
    if (state === State.RUNNING) return undefined;
    const next = state === State.DISPATCHED ? State.STARTING : State.RUNNING;
    this.#containers.set(taskId, next);
    return { state: next };
  }

  #end(taskId: string, end: Partial<TaskReport>): Partial<TaskReport> {
    this.#containers.set(taskId, State.FINISHED);
    return end;
  }
}

const blank = {
  state: State.QUEUED as State,
  code: '',
  text: '',
  exitCode: undefined,
  stopped: false,
  context: {},
  results: [],
  refused: false,
  fault: '',
};
