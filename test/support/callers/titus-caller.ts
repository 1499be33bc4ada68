import {
  type DeepPartial,
  type Job,
  JobDescriptor,
  type JobId,
  JobManagementServiceService as methods,
  type Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { BerthError } from '@berth/shared/model/errors/errors';
import { fromServiceError, isServiceError } from '@berth/shared/rpc/errors/status';
import {
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { waitFor } from '../process/wait-for.js';
import { CheckedStream } from './checked-stream.js';

/** An answer, with the revision from its trailer. */
export interface Answer<Res> {
  readonly response: Res;
  readonly revision: number;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** A failed call for its caller: the gRPC status, and the wrong fields. */
export interface CallFailure {
  readonly status: number;
  readonly message: string;
  readonly fields: readonly string[];
  readonly error: BerthError;
}

type Method<Req, Res> = Pick<MethodDefinition<Req, Res>, 'path' | 'requestSerialize' | 'responseDeserialize'>;

const defaultDeadlineMs = 15_000;

/** A caller of one gateway: plain gRPC, without the extras of `@berth/client`. */
export class TitusCaller {
  readonly address: string;
  readonly #client: Client;
  readonly #headers: Readonly<Record<string, string>>;
  #session: { revision: number } | undefined;

  constructor(address: string, headers: Readonly<Record<string, string>> = defaultHeaders) {
    this.address = address;
    this.#client = new Client(address, credentials.createInsecure());
    this.#headers = headers;
  }

  /** Shares one session among callers: each answer reflects everything that any of them has seen. */
  static shareSession(...callers: readonly TitusCaller[]): void {
    const session = { revision: 0 };
    for (const caller of callers) caller.#session = session;
  }

  /** Resolves with the answer; rejects with grpc-js's ServiceError. */
  call<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions = {}): Promise<Answer<Res>> {
    const { path, requestSerialize, responseDeserialize } = method;
    const deadline = Date.now() + (options.deadlineMs ?? defaultDeadlineMs);
    return new Promise((resolve, reject) => {
      let response: Res | undefined;
      const answered = (error: ServiceError | null, value?: Res) => {
        if (error) reject(error);
        else response = value;
      };
      this.#client
        .makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          this.#metadata(options.headers),
          { deadline },
          answered,
        )
        // The status, with the trailers in it, comes after the answer.
        .on('status', ({ metadata }) => {
          const revision = Number(metadata.get('berth-revision')[0]);
          if (this.#session !== undefined && revision > this.#session.revision)
            this.#session.revision = revision;
          if (response !== undefined) resolve({ response, revision });
        });
    });
  }

  /** Returns the failure of a call; rejects if it succeeds. */
  async failure<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    options?: CallOptions,
  ): Promise<CallFailure> {
    const failure: unknown = await this.call(method, request, options).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) throw new Error(`${method.path} was expected to fail, and did not`);
    if (!isServiceError(failure)) throw failure;
    const error = fromServiceError(failure);
    const fields = error.violations.map(({ field }) => field);
    return { status: failure.code, message: failure.details, fields, error };
  }

  async create(descriptor: DeepPartial<JobDescriptor>, options?: CallOptions): Promise<string> {
    return (await this.call(methods.createJob, JobDescriptor.fromPartial(descriptor), options)).response.id;
  }

  async find(id: string, options?: CallOptions): Promise<Job> {
    return (await this.call(methods.findJob, { id }, options)).response;
  }

  async findTask(id: string): Promise<Task> {
    return (await this.call(methods.findTask, { id })).response;
  }

  async kill(jobId: string): Promise<void> {
    await this.call(methods.killJob, { id: jobId });
  }

  async killTask(id: string): Promise<void> {
    await this.call(methods.killTask, { id });
  }

  /** Sets the number of tasks of a service job. */
  async scale(jobId: string, desired: number): Promise<void> {
    await this.call(methods.updateJobInstances, {
      jobId,
      instances: { desired, min: undefined, max: undefined },
    });
  }

  /**
   * Waits until the gateway's view of the job satisfies the condition. A gateway may be behind another one.
   */
  until(jobId: string, holds: (job: Job) => boolean, what: string, timeoutMs?: number): Promise<Job> {
    const look = async () => {
      const job = await this.find(jobId).catch((error: unknown) => {
        if (isServiceError(error) && error.code === status.NOT_FOUND) return undefined;
        throw error;
      });
      return job !== undefined && holds(job) ? job : undefined;
    };
    return waitFor(look, {
      what: `job ${jobId} ${what}`,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  }

  observeJob(jobId: string): CheckedStream {
    const request: JobId = { id: jobId };
    return this.#observe(methods.observeJob, request);
  }

  observeJobs(): CheckedStream {
    return this.#observe(methods.observeJobs, {});
  }

  close(): void {
    this.#client.close();
  }

  #observe<Req>(method: Pick<MethodDefinition<Req, unknown>, 'path' | 'requestSerialize'>, request: Req) {
    return new CheckedStream(
      this.#client.makeServerStreamRequest(
        method.path,
        method.requestSerialize,
        (bytes) => bytes,
        request,
        this.#metadata(),
      ),
    );
  }

  #metadata(headers: Readonly<Record<string, string>> = {}): Metadata {
    const metadata = new Metadata();
    if (this.#session !== undefined) metadata.set('berth-min-revision', String(this.#session.revision));
    for (const [key, value] of Object.entries({ ...this.#headers, ...headers })) metadata.set(key, value);
    return metadata;
  }
}

const defaultHeaders = { 'berth-caller-id': 'test', 'berth-caller-email': 'test@example.com' };
