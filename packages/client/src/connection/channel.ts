import { BerthError } from '@berth/shared/model/errors/errors';
import { backoff } from '@berth/shared/process/backoff';
import { type Clock, systemClock } from '@berth/shared/process/clock';
import { type Random, systemRandom } from '@berth/shared/process/random';
import { Metadata, type MethodDefinition, type ServiceError, status } from '@grpc/grpc-js';
import { isPassing, reasonOf, toBerthError, wasNeverSent } from './failure.js';
import { type GatewayEndpoint, Gateways } from './gateways.js';
import {
  type Caller,
  type CallOptions,
  type ConnectOptions,
  defaultDeadlineMs,
  maxAttempts,
  retryDelays,
} from './options.js';
import { minRevisionKey, RevisionMemory } from './revision.js';
import { type Answer, attemptUnary } from './unary.js';

/** A method. `isRepeatable` is true if a second send has no further effect. */
export interface UnaryMethod<Req, Res> {
  readonly definition: MethodDefinition<Req, Res>;
  readonly isRepeatable: boolean;
}

/**
 * The connection to a cell: its gateways, the caller's identity and the greatest revision seen. All services
 * of the gateways are called through it.
 */
export class Channel {
  readonly gateways: Gateways;
  readonly clock: Clock;
  readonly random: Random;
  readonly #caller: Metadata;
  readonly #revision = new RevisionMemory();
  readonly #options: ConnectOptions;
  readonly #streams = new Set<() => void>();

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? systemRandom;
    this.#caller = callerMetadata(options);
    this.gateways = new Gateways(options);
  }

  /**
   * Calls the method until it gets a response, a failure that no further attempt can mend, or the deadline.
   * Rejects with BerthError. If the signal of the options aborts, it rejects with the reason of the signal.
   */
  async call<Req, Res>(method: UnaryMethod<Req, Res>, request: Req, options: CallOptions = {}): Promise<Res> {
    return (await this.ask(method, request, options)).response;
  }

  /** Does the same as {@link call}, and returns the trailers too. */
  async ask<Req, Res>(
    method: UnaryMethod<Req, Res>,
    request: Req,
    options: CallOptions = {},
  ): Promise<Answer<Res>> {
    const limitMs = options.deadlineMs ?? this.#options.deadlineMs ?? defaultDeadlineMs;
    const deadlineAtMs = this.clock.nowMs() + limitMs;
    const delays = backoff(retryDelays, this.random);
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#attempt(method, request, { ...options, deadlineAtMs });
      if ('response' in outcome) return outcome;
      options.signal?.throwIfAborted();
      const delayMs = delays.nextMs();
      const isLast = attempt >= maxAttempts || this.clock.nowMs() + delayMs >= deadlineAtMs;
      if (isLast || !mayRepeat(method.isRepeatable, outcome.failure)) {
        throw toBerthError(outcome.failure, outcome.gateway.address);
      }
      this.#logRetry(outcome, { path: method.definition.path, attempt, delayMs });
      await this.clock.sleep(delayMs, options.signal);
      options.signal?.throwIfAborted();
    }
  }

  /**
   * Returns the metadata of a request: the caller's identity, the required revision, and the given metadata.
   */
  metadata(own?: Metadata): Metadata {
    const metadata = this.#caller.clone();
    if (this.#revision.greatest > 0) metadata.set(minRevisionKey, String(this.#revision.greatest));
    if (own !== undefined) metadata.merge(own);
    return metadata;
  }

  /**
   * Handles a failure: if it can pass, the next gateway is used. A gateway that is behind the required
   * revision lets the call time out.
   */
  failed(gateway: GatewayEndpoint, failure: ServiceError): void {
    if (isPassing(failure)) this.gateways.leave(gateway);
    if (failure.code === status.DEADLINE_EXCEEDED) this.#revision.timedOut();
  }

  /** Logs that a stream is about to be opened again. */
  logReconnect(cause: Error, delayMs: number): void {
    this.#options.log?.warn({ err: cause, delayMs }, 'lost the stream of changes, opening it again');
  }

  /** Registers a stream; closing the channel calls `end`. The returned function unregisters it. */
  opened(end: () => void): () => void {
    this.#streams.add(end);
    return () => this.#streams.delete(end);
  }

  close(): void {
    this.gateways.close();
    for (const end of [...this.#streams]) end();
  }

  async #attempt<Req, Res>(
    method: UnaryMethod<Req, Res>,
    request: Req,
    options: CallOptions & { deadlineAtMs: number },
  ): Promise<Outcome<Res>> {
    const gateway = this.gateways.current();
    options.signal?.throwIfAborted();
    try {
      const { response, trailers } = await attemptUnary(gateway, {
        method: method.definition,
        request,
        metadata: this.metadata(options.metadata),
        deadlineAtMs: options.deadlineAtMs,
        signal: options.signal,
      });
      this.#revision.answered(trailers);
      return { response, trailers };
    } catch (error) {
      const failure = error as ServiceError;
      this.failed(gateway, failure);
      return { failure, gateway };
    }
  }

  #logRetry({ failure, gateway }: Failed, details: object): void {
    const all = { address: gateway.address, failure: reasonOf(failure), ...details };
    this.#options.log?.warn(all, 'a call failed, trying again');
  }
}

interface Failed {
  readonly failure: ServiceError;
  readonly gateway: GatewayEndpoint;
}

type Outcome<Res> = Answer<Res> | Failed;

function mayRepeat(isRepeatable: boolean, failure: ServiceError): boolean {
  return isPassing(failure) && (isRepeatable || wasNeverSent(failure));
}

function callerMetadata({ caller = {}, token }: { caller?: Caller; token?: string }): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) {
    if (!/^[\x21-\x7e]+$/.test(token))
      throw new BerthError(
        'invalidArgument',
        'A token may hold printable ASCII characters only, and no blanks.',
      );
    metadata.set('authorization', `Bearer ${token}`);
  }
  for (const key of ['id', 'name', 'email'] as const) {
    const value = caller[key];
    if (value === undefined || value === '') continue;
    if (!/^[\x20-\x7e]+$/.test(value)) {
      throw new BerthError(
        'invalidArgument',
        `The caller's ${key} may hold printable ASCII characters only.`,
      );
    }
    metadata.set(`berth-caller-${key}`, value);
  }
  return metadata;
}
