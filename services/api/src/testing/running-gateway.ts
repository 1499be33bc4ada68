import {
  type Job,
  JobChangeNotification,
  JobManagementServiceClient,
  JobManagementServiceService as methods,
  State,
  type Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { parseConfig } from '@berth/shared/process/config';
import { silentLogger } from '@berth/shared/process/logger';
import type { ArchiveWrite, CellStore, Write } from '@berth/store';
import { encodeRecord } from '@berth/store/wire';
import {
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { vi } from 'vitest';
import { gatewayConfigSchema } from '../config.js';
import { type Gateway, startGateway } from '../gateway.js';
import { aBatchJob } from './fixtures.js';
import { jobWrite, moveWrite, statusWrite, taskWrite } from './scripted-cell.js';

/** An answer with the trailer that has its revision. */
export interface Answer<Res> {
  readonly response: Res;
  readonly revision: number;
  readonly trailers: Metadata;
}

/** The parts of a method's definition that a client needs. */
type Method<Req, Res> = Pick<MethodDefinition<Req, Res>, 'path' | 'requestSerialize' | 'responseDeserialize'>;

/** A gateway on free ports, with a client of its own. */
export class RunningGateway {
  readonly gateway: Gateway;
  readonly client: JobManagementServiceClient;
  readonly #watchers: Watcher[] = [];

  static async start(store: CellStore, env: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
    const freePort = '127.0.0.1:0';
    const config = parseConfig(gatewayConfigSchema, {
      BERTH_API_GRPC: freePort,
      BERTH_API_JOBV1: freePort,
      BERTH_API_HTTP: freePort,
      ...env,
    });
    return new RunningGateway(await startGateway({ config, store, log: silentLogger }));
  }

  private constructor(gateway: Gateway) {
    this.gateway = gateway;
    this.client = new JobManagementServiceClient(
      `127.0.0.1:${gateway.grpcPort}`,
      credentials.createInsecure(),
    );
  }

  /** Resolves with the answer; rejects with the client's ServiceError. */
  call<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions = {}): Promise<Answer<Res>> {
    return new Promise((resolve, reject) => {
      let response: Res | undefined;
      const { path, requestSerialize, responseDeserialize } = method;
      const deadline = Date.now() + (options.deadlineMs ?? 50_000);
      const answered = (error: ServiceError | null, value?: Res) => {
        if (error) reject(error);
        else response = value;
      };
      this.client
        .makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadataOf(options.headers),
          { deadline },
          answered,
        )
        .on('status', ({ metadata }) => {
          if (response !== undefined)
            resolve({ response, revision: Number(metadata.get('berth-revision')[0]), trailers: metadata });
        });
    });
  }

  /** Creates a job and resolves with its id. */
  async create(descriptor = aBatchJob(), options: CallOptions = {}): Promise<string> {
    return (await this.call(methods.createJob, descriptor, options)).response.id;
  }

  async find(id: string): Promise<Job> {
    return (await this.call(methods.findJob, { id })).response;
  }

  observeJob(id: string): Watcher {
    return this.#watch(this.client.observeJob({ id }));
  }

  observeJobs(): Watcher {
    return this.#watch(this.client.observeJobs({}));
  }

  #watch(call: ClientReadableStream<JobChangeNotification>): Watcher {
    const watcher = new Watcher(call);
    this.#watchers.push(watcher);
    return watcher;
  }

  async close(): Promise<void> {
    for (const watcher of this.#watchers) watcher.cancel();
    this.client.close();
    await this.gateway.close();
  }
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

function metadataOf(headers: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  return metadata;
}

/** Collects the messages of a stream and its end. */
export class Watcher {
  readonly received: JobChangeNotification[] = [];
  readonly bytes: Uint8Array[] = [];
  readonly call: ClientReadableStream<JobChangeNotification>;
  /** The status code that the stream ended with. */
  code: number | undefined;

  constructor(call: ClientReadableStream<JobChangeNotification>) {
    this.call = call;
    call.on('data', (message: JobChangeNotification) => {
      this.received.push(message);
      this.bytes.push(JobChangeNotification.encode(message).finish());
    });
    call.on('error', () => {});
    call.on('status', ({ code }) => {
      this.code = code;
    });
  }

  get kinds(): (string | undefined)[] {
    return this.received.map(({ notification }) => notification?.$case);
  }

  get tasks(): Task[] {
    return this.received.flatMap(({ notification }) => {
      if (notification?.$case !== 'taskUdate') return [];
      return notification.value.task === undefined ? [] : [notification.value.task];
    });
  }

  /** Resolves once the condition holds. */
  until(condition: () => boolean): Promise<void> {
    return vi.waitFor(
      () => {
        if (!condition()) throw new Error(`not yet; so far: ${this.kinds.slice(-10)}, code ${this.code}`);
      },
      { timeout: 50_000, interval: 5 },
    );
  }

  cancel(): void {
    this.call.cancel();
  }
}

/** Commits decisions as a master would. */
export async function decide(
  store: CellStore,
  writes: readonly Write[],
  archive: readonly ArchiveWrite[] = [],
): Promise<number> {
  const result = await store.commit({ actor: 'master', writes, archive });
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.revision;
}

/** The status code that a call ends with. */
export function codeOf(call: Promise<unknown>): Promise<number> {
  return call.then(
    () => status.OK,
    (error: ServiceError) => error.code,
  );
}

/** Puts a finished job of one task into the archive, as if it had left the cell long ago. */
export async function archiveJob(store: CellStore, jobId: string): Promise<void> {
  const task = moveWrite(taskWrite(`${jobId}.0-0`).record, State.FINISHED);
  const fields = {
    job: encodeRecord('job', jobWrite(jobId).record),
    jobStatus: encodeRecord('jobStatus', statusWrite(jobId, State.FINISHED, 'normal').record),
    [`task/${task.id}`]: encodeRecord('task', task.record),
  };
  await decide(store, [jobWrite('another')], [{ jobId, fields, ttlMs: 60_000 }]);
}
