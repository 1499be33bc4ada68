/** A subscriber of berth.v1 that knows how far each task has got. */

import {
  ObserveServiceService as methods,
  ObservedKind,
  ObserveRequest,
  type ObserveResponse,
} from '@berth/shared/gen/berth/v1/observe_service';
import type { Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import { isTerminal, State } from '@berth/shared/model/task/task-state';
import { Client, credentials } from '@grpc/grpc-js';

/** Of so many tasks each state was seen, or one after it. */
interface Progress {
  placed: number;
  running: number;
  ended: number;
}

export class Observer {
  readonly #client: Client;
  #states = new Map<string, State>();
  #jobs = new Map<string, Progress>();
  #failure: Error | undefined;
  isOpen = false;

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    });
    const { path, requestSerialize, responseDeserialize } = methods.observe;
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    stream.on('data', (response: ObserveResponse) => this.#take(response));
    stream.on('error', (error: Error) => {
      this.#failure = error;
    });
    const value = { kinds: [ObservedKind.TASK], taskFields: ['id', 'state'] };
    stream.write(ObserveRequest.fromPartial({ request: { $case: 'subscription', value } }));
  }

  /** Counts from nothing again. */
  reset(): void {
    this.#states = new Map();
    this.#jobs = new Map();
  }

  /** How many tasks of these jobs have got how far. */
  progressOf(jobIds: readonly string[]): Readonly<Progress> {
    const sum = noProgress();
    for (const id of jobIds) {
      const { placed, running, ended } = this.#jobs.get(id) ?? noProgress();
      sum.placed += placed;
      sum.running += running;
      sum.ended += ended;
    }
    return sum;
  }

  /** Throws if the stream has broken: its counts would be meaningless. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  close(): void {
    this.#client.close();
  }

  #take({ response }: ObserveResponse): void {
    if (response?.$case === 'snapshotEnd') this.isOpen = true;
    if (response?.$case !== 'commits') return;
    for (const { changes } of response.value.commits)
      for (const { change } of changes) if (change?.$case === 'task') this.#takeTask(change.value);
  }

  #takeTask({ id, state: status }: Task): void {
    const state = status?.state ?? State.QUEUED;
    const before = this.#states.get(id) ?? State.QUEUED;
    if (state === before) return;
    this.#states.set(id, state);
    const job = this.#progressOf(jobIdOfTask(id));
    if (state >= State.DISPATCHED && before < State.DISPATCHED) job.placed += 1;
    if (state >= State.RUNNING && before < State.RUNNING) job.running += 1;
    if (isTerminal(state)) job.ended += 1;
  }

  #progressOf(jobId: string): Progress {
    const known = this.#jobs.get(jobId) ?? noProgress();
    this.#jobs.set(jobId, known);
    return known;
  }
}

function noProgress(): Progress {
  return { placed: 0, running: 0, ended: 0 };
}
