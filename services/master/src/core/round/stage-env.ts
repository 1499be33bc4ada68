import type { Assignment, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { Container } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { requestedNetwork } from '@berth/shared/model/job/container-network';
import { noStage, stagesOf } from '@berth/shared/model/job/stages';
import { addressFrom, type TaskAddress, taskAddress } from '@berth/shared/model/task/task-address';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import type { Limits } from '../task/limits.js';

/**
 * The number of addresses of a neighbouring stage in a container's environment. An environment is bounded,
 * and every assignment carries one; the endpoint returns all addresses.
 */
export const maxNeighbours = 100;

/** Adds the variables of stages to the environments of containers, for the assignments of one commit. */
export class StageEnv {
  readonly #cell: CellView;
  readonly #changed: ReadonlyMap<string, TaskRecord>;
  readonly #api: Pick<Limits, 'apiUrl' | 'apiIsLoopback'>;
  /** By job and stage. */
  readonly #addresses = new Map<string, readonly TaskAddress[]>();

  /** `changed` are tasks as the commit leaves them; `api` is the gateways' address for containers, if any. */
  constructor(
    cell: CellView,
    changed: ReadonlyMap<string, TaskRecord>,
    api: Pick<Limits, 'apiUrl' | 'apiIsLoopback'>,
  ) {
    this.#cell = cell;
    this.#changed = changed;
    this.#api = api;
  }

  /** Returns the assignment with the variables of its stage; the same assignment if its job has no stages. */
  added(assignment: Assignment, task: TaskRecord): Assignment {
    const { container } = assignment;
    if (task.stage === noStage || container === undefined) return assignment;
    return {
      ...assignment,
      container: {
        ...container,
        env: { ...container.env, ...this.#variables(task), ...this.#endpoint(task, container) },
      },
    };
  }

  #variables(task: TaskRecord): Record<string, string> {
    const { jobId, stage, slot, workerNumber = 0 } = task;
    const descriptor = this.#cell.find('job', jobId)?.record.descriptor;
    const stageCount = descriptor === undefined ? 0 : stagesOf(descriptor).length;
    return {
      BERTH_STAGE: String(stage),
      BERTH_STAGE_COUNT: String(stageCount),
      BERTH_WORKER_INDEX: String(slot),
      BERTH_WORKER_NUMBER: String(workerNumber),
      BERTH_PREVIOUS_STAGE: this.#neighbours(task, stage - 1),
      BERTH_NEXT_STAGE: this.#neighbours(task, stage + 1),
    };
  }

  #endpoint({ jobId, stage }: TaskRecord, container: Container): Record<string, string> {
    const { apiUrl, apiIsLoopback = false } = this.#api;
    if (apiUrl === undefined || (apiIsLoopback && requestedNetwork(container) !== 'host')) return {};
    return { BERTH_STAGES_ENDPOINT: `${apiUrl}/api/v1/jobs/${jobId}/stages:watch?neighboursOf=${stage}` };
  }

  /** Returns the addresses of a stage's tasks, as this task reaches them. */
  #neighbours({ jobId, agentId }: TaskRecord, stage: number): string {
    const reached: string[] = [];
    for (const each of this.#addressesOf(jobId, stage)) {
      // A commit may hold a thousand assignments, and a stage ten times as many tasks.
      if (reached.length === maxNeighbours) break;
      const address = addressFrom(each, agentId);
      if (address !== '') reached.push(address);
    }
    return reached.join(',');
  }

  #addressesOf(jobId: string, stage: number): readonly TaskAddress[] {
    const key = `${jobId} ${stage}`;
    const known = this.#addresses.get(key);
    if (known !== undefined) return known;
    const addresses = this.#cell
      .tasksOf(jobId)
      .map(({ id, record }) => this.#changed.get(id) ?? record)
      .filter((task) => task.stage === stage && isTaskLive(task) && taskIdOf(task) !== '')
      .sort((a, b) => a.slot - b.slot)
      .map(taskAddress);
    this.#addresses.set(key, addresses);
    return addresses;
  }
}
