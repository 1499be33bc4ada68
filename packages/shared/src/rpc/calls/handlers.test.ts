import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthService,
} from '../../gen/grpc/health/v1/health.js';
import { BerthError, invalidFields } from '../../model/errors/errors.js';
import { silentLogger } from '../../process/logger.js';
import { fromServiceError } from '../errors/status.js';
import { type GrpcServer, startGrpcServer } from '../server/server.js';
import { type CallContext, type CallOptions, serverStream, unary } from './handlers.js';

// The health service serves as any service would: one unary method, one stream.
type Check = Parameters<typeof unary<HealthCheckRequest, HealthCheckResponse>>[0];
type Watch = Parameters<typeof serverStream<HealthCheckRequest, HealthCheckResponse>>[0];

interface Handlers {
  readonly check?: Check;
  readonly watch?: Watch;
}

const nothing = async () => {
  throw new BerthError('unimplemented', 'not part of this test');
};

let server: GrpcServer | undefined;
let shutdown = new AbortController();

async function serve(handlers: Handlers, options: Partial<CallOptions> = {}): Promise<Client> {
  shutdown = new AbortController();
  const all: CallOptions = { log: silentLogger, shutdown: shutdown.signal, ...options };
  const implementation = {
    check: unary(handlers.check ?? nothing, all),
    watch: serverStream(handlers.watch ?? nothing, all),
    list: unary(nothing, all),
  };
  server = await startGrpcServer({
    address: { host: '127.0.0.1', port: 0 },
    services: [{ definition: HealthService, implementation }],
    log: silentLogger,
    shutdown,
  });
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

afterEach(async () => {
  await server?.close(100);
  server = undefined;
});

interface Outcome {
  readonly error: ServiceError | null;
  readonly response: HealthCheckResponse | undefined;
  readonly trailers: Metadata;
}

function check(client: Client, options: { deadline?: number; metadata?: Metadata } = {}): Promise<Outcome> {
  const { path, requestSerialize, responseDeserialize } = HealthService.check;
  return new Promise((resolve) => {
    let error: ServiceError | null = null;
    let response: HealthCheckResponse | undefined;
    const callOptions = options.deadline === undefined ? {} : { deadline: options.deadline };
    const { metadata = new Metadata() } = options;
    const request = { service: 'x' };
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      callOptions,
      (failed, message) => {
        error = failed;
        response = message;
      },
    );
    call.on('status', ({ metadata: trailers }) =>
      queueMicrotask(() => resolve({ error, response, trailers })),
    );
  });
}

function watch(client: Client): ClientReadableStream<HealthCheckResponse> {
  const method: MethodDefinition<HealthCheckRequest, HealthCheckResponse> = HealthService.watch;
  const { path, requestSerialize, responseDeserialize } = method;
  return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: 'x' });
}

/** Reads a stream to its end. Resolves with its messages and its status. */
function collect(stream: ClientReadableStream<HealthCheckResponse>) {
  return new Promise<{ messages: HealthCheckResponse[]; code: status; details: string; trailers: Metadata }>(
    (resolve) => {
      const messages: HealthCheckResponse[] = [];
      stream.on('data', (message: HealthCheckResponse) => messages.push(message));
      stream.on('error', () => {});
      stream.on('status', ({ code, details, metadata }) =>
        resolve({ messages, code, details, trailers: metadata }),
      );
    },
  );
}

/** Resolves when the signal aborts, with its reason. */
const aborted = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) =>
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true }),
  );

/** Timers count from the beginning of their turn, and may be early by so much. */
const clockSlackMs = 2;

describe('a unary handler', () => {
  it('answers with the result of the function, and its trailers', async () => {
    const client = await serve({
      check: async (_, call) => {
        call.setTrailer('berth-revision', '7');
        return { status: 1 };
      },
    });
    const { response, trailers } = await check(client);
    expect(response).toEqual({ status: 1 });
    expect(trailers.get('berth-revision')).toEqual(['7']);
  });

  it('turns a rejection into its status, with field violations and trailers', async () => {
    const violations = [
      { field: 'containers["main"].image', description: 'must be set' },
      { field: 'owner.teamEmail', description: 'is no e-mail address' },
    ];
    const client = await serve({
      check: async (_, call) => {
        call.setTrailer('berth-revision', '8');
        throw invalidFields(violations);
      },
    });
    const { error, trailers } = await check(client);
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
    expect(fromServiceError(error).violations).toEqual(violations);
    expect(trailers.get('berth-revision')).toEqual(['8']);
  });

  it('hides the message of an unexpected error', async () => {
    const client = await serve({ check: () => Promise.reject(new Error('password=secret')) });
    const { error } = await check(client);
    expect(error?.code).toBe(status.INTERNAL);
    expect(error?.details).not.toContain('secret');
  });

  it('answers when the function throws before it returns a promise', async () => {
    const client = await serve({
      check: () => {
        throw new BerthError('failedPrecondition', 'Not now.');
      },
    });
    expect((await check(client)).error?.code).toBe(status.FAILED_PRECONDITION);
  });

  it('answers DEADLINE_EXCEEDED after the default deadline, even when the function ignores its signal', async () => {
    const client = await serve({ check: () => new Promise(() => {}) }, { deadlineMs: 20 });
    expect((await check(client)).error?.code).toBe(status.DEADLINE_EXCEEDED);
  });

  it('aborts its signal at the deadline that the call carries', async () => {
    const reason = deferred();
    const client = await serve({
      check: async (_, { signal }) => {
        reason.resolve(await aborted(signal));
        throw signal.reason;
      },
    });
    // The caller's own clock does not end this call: only the server can.
    const metadata = new Metadata();
    metadata.set('grpc-timeout', '50m');
    const outcome = await check(client, { metadata });
    expect(outcome.error?.code).toBe(status.DEADLINE_EXCEEDED);
    expect(await reason.promise).toMatchObject({ code: 'deadlineExceeded' });
  });

  it("aborts its signal only when the caller's own clock ends the call", async () => {
    const end = deferred<{ readonly atMs: number; readonly reason: unknown }>();
    const client = await serve({
      check: async (_, { signal }) => {
        const reason = await aborted(signal);
        end.resolve({ atMs: Date.now(), reason });
        throw signal.reason;
      },
    });
    const deadline = Date.now() + 50;
    const outcome = await check(client, { deadline });
    expect(outcome.error?.code).toBe(status.DEADLINE_EXCEEDED);
    const { atMs, reason } = await end.promise;
    expect(atMs).toBeGreaterThanOrEqual(deadline - clockSlackMs);
    // The caller's cancellation may come before the server's own timer: both know the same deadline.
    const isDeadline = reason instanceof BerthError && reason.code === 'deadlineExceeded';
    const isCancelled = reason instanceof Error && reason.name === 'CallCancelled';
    expect([isDeadline, isCancelled].filter(Boolean)).toHaveLength(1);
  });

  it('lets a running call answer while the server shuts down', async () => {
    const begun = deferred();
    const client = await serve({
      check: async (_, { signal }) => {
        begun.resolve(undefined);
        await aborted(signal);
        return { status: 1 };
      },
    });
    const outcome = check(client);
    await begun.promise;
    await server?.close(5000);
    expect((await outcome).response).toEqual({ status: 1 });
  });

  it("passes the caller's identity to the function", async () => {
    const callers: CallContext['caller'][] = [];
    const client = await serve({
      check: async (_, { caller }) => {
        callers.push(caller);
        return { status: 1 };
      },
    });
    const metadata = new Metadata();
    metadata.set('berth-caller-id', 'ada');
    metadata.set('berth-caller-email', 'ada@example.com');
    await check(client, { metadata });
    await check(client);
    expect(callers).toMatchObject([{ id: 'ada', email: 'ada@example.com' }, { id: 'anonymous' }]);
  });
});

describe('a stream handler', () => {
  it('ends with OK and its trailers when the function resolves', async () => {
    const client = await serve({
      watch: async (_, call, stream) => {
        stream.write({ status: 1 });
        stream.write({ status: 2 });
        call.setTrailer('berth-revision', '9');
      },
    });
    const { messages, code, trailers } = await collect(watch(client));
    expect(messages).toEqual([{ status: 1 }, { status: 2 }]);
    expect(code).toBe(status.OK);
    expect(trailers.get('berth-revision')).toEqual(['9']);
  });

  it('sends all messages before the error, then the error with its trailers', async () => {
    const client = await serve({
      watch: async (_, call, stream) => {
        stream.write({ status: 1 });
        call.setTrailer('berth-revision', '10');
        throw new BerthError('outOfRange', 'The log no longer reaches back that far.');
      },
    });
    const { messages, code, details, trailers } = await collect(watch(client));
    expect(messages).toEqual([{ status: 1 }]);
    expect([code, details]).toEqual([status.OUT_OF_RANGE, 'The log no longer reaches back that far.']);
    expect(trailers.get('berth-revision')).toEqual(['10']);
  });

  it('aborts its signal when the caller cancels', async () => {
    const reason = deferred<unknown>();
    const client = await serve({
      watch: async (_, { signal }, stream) => {
        stream.write({ status: 1 });
        reason.resolve(await aborted(signal));
      },
    });
    const stream = watch(client);
    stream.on('error', () => {});
    stream.once('data', () => stream.cancel());
    expect(await reason.promise).toMatchObject({ name: 'CallCancelled' });
  });

  it('does not abort its signal after a normal end', async () => {
    const atCancelled = deferred<AbortSignal>();
    const client = await serve({
      watch: async (_, { signal }, stream) => {
        stream.on('cancelled', () => atCancelled.resolve(signal));
      },
    });
    await collect(watch(client));
    expect((await atCancelled.promise).aborted).toBe(false);
  });

  it('ends with UNAVAILABLE when the server shuts down, although the function does not', async () => {
    const client = await serve({
      watch: async (_, __, stream) => {
        stream.write({ status: 1 });
        await new Promise(() => {});
      },
    });
    const stream = watch(client);
    const ended = collect(stream);
    await new Promise((resolve) => stream.once('data', resolve));
    await server?.close(60_000);
    expect((await ended).code).toBe(status.UNAVAILABLE);
  });

  it('answers INTERNAL when an error hits the stream itself', async () => {
    const client = await serve({
      watch: async (_, { signal }, stream) => {
        stream.emit('error', new Error('broken pipeline'));
        await aborted(signal);
      },
    });
    const { code, details } = await collect(watch(client));
    expect(code).toBe(status.INTERNAL);
    expect(details).not.toContain('broken pipeline');
  });
});

describe('a call that comes while the server shuts down', () => {
  it('does not begin, and gets UNAVAILABLE', async () => {
    const begun: string[] = [];
    const client = await serve({
      check: async () => {
        begun.push('check');
        return { status: 1 };
      },
      watch: async () => void begun.push('watch'),
    });
    shutdown.abort();
    expect((await check(client)).error?.code).toBe(status.UNAVAILABLE);
    expect((await collect(watch(client))).code).toBe(status.UNAVAILABLE);
    expect(begun).toEqual([]);
  });
});

describe('call metrics', () => {
  it('count each call once, with its status', async () => {
    const registry = new Registry();
    const client = await serve(
      {
        check: () => Promise.reject(new BerthError('notFound', 'No.')),
        watch: async () => {},
      },
      { registry },
    );
    await check(client);
    await check(client);
    await collect(watch(client));
    const text = await registry.metrics();
    const labels = (type: string, method: string) =>
      `grpc_type="${type}",grpc_service="grpc.health.v1.Health",grpc_method="${method}"`;
    expect(text).toContain(`grpc_server_started_total{${labels('unary', 'Check')}} 2`);
    expect(text).toContain(`grpc_server_handled_total{${labels('unary', 'Check')},grpc_code="NOT_FOUND"} 2`);
    expect(text).toContain(`grpc_server_handled_total{${labels('server_stream', 'Watch')},grpc_code="OK"} 1`);
    expect(text).toContain(`grpc_server_handling_seconds_count{${labels('unary', 'Check')}} 2`);
  });
});

function deferred<T = unknown>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
