import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { Empty } from '@berth/shared/gen/google/protobuf/empty';
import { Job, type JobDescriptor, JobId, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError, invalidFields } from '@berth/shared/model/errors/errors';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { UnreachableError } from '../connection/failure.js';
import type { ConnectOptions } from '../connection/options.js';
import { type Script, type ScriptedGateway, startScriptedGateway } from '../testing/scripted-gateway.js';
import { JobCalls } from './job-calls.js';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const resource of open.splice(0)) resource.close();
});

async function gateway(script: Script, port?: number): Promise<ScriptedGateway> {
  const started = await startScriptedGateway(script, port);
  open.push(started);
  return started;
}

function connect(options: ConnectOptions): JobCalls {
  const calls = new JobCalls(options);
  open.push(calls);
  return calls;
}

/** Returns an address at which nothing listens. */
async function deadAddress(): Promise<string> {
  const { address, close } = await startScriptedGateway({});
  close();
  return address;
}

const unavailable = () => new BerthError('unavailable', 'The store does not answer.');

describe('a unary call', () => {
  it('sends the request and resolves to the answer', async () => {
    const { address, received } = await gateway({
      findJob: ({ id }) => Job.fromPartial({ id, jobClusterId: 'default' }),
    });
    const job = await connect({ address }).findJob('j1');
    expect(job).toMatchObject({ id: 'j1', jobClusterId: 'default' });
    expect(received[0]?.request).toEqual({ id: 'j1' });
  });

  it('builds the request from a partial descriptor', async () => {
    const { address, received } = await gateway({ createJob: () => JobId.create({ id: 'j1' }) });
    await connect({ address }).createJob({
      appName: 'web',
      containers: { main: { image: { name: 'a:1' } } },
    });
    const descriptor = received[0]?.request as JobDescriptor;
    expect(descriptor.appName).toBe('web');
    expect(descriptor.containers.main?.image?.name).toBe('a:1');
  });

  it('follows the cursor from page to page', async () => {
    const { address, received } = await gateway({
      findJobs: (_query, metadata, trailers) => {
        const isFirst = metadata.get('berth-cursor').length === 0;
        if (isFirst) trailers.set('berth-cursor', 'next');
        return { items: [Job.fromPartial({ id: isFirst ? 'a' : 'b' })], pagination: undefined };
      },
    });
    const calls = connect({ address });
    const first = await calls.findJobs();
    expect([first.items[0]?.id, first.nextCursor]).toEqual(['a', 'next']);
    const second = await calls.findJobs({}, { cursor: first.nextCursor ?? '' });
    expect([second.items[0]?.id, second.nextCursor]).toEqual(['b', undefined]);
    expect(received[1]?.metadata.get('berth-cursor')).toEqual(['next']);
  });

  it('reads the tasks of a large job that one answer leaves out', async () => {
    const task = (id: string) => Task.fromPartial({ id });
    const { address, received } = await gateway({
      findJob: ({ id }, _, trailers) => {
        trailers.set('berth-tasks-omitted', '2');
        trailers.set('berth-cursor', 'a');
        return Job.fromPartial({ id, tasks: [{ id: 'a' }] });
      },
      findJobs: (_query, _metadata, trailers) => {
        trailers.set('berth-tasks-omitted', '2');
        return { items: [Job.fromPartial({ id: 'j', tasks: [{ id: 'a' }] })], pagination: undefined };
      },
      findTasks: (_query, metadata, trailers) => {
        const [at = ''] = metadata.get('berth-cursor');
        const next = { '': 'a', a: 'b', b: 'c' }[String(at)] ?? '';
        if (next !== 'c') trailers.set('berth-cursor', next);
        return { items: [task(next)], pagination: undefined };
      },
    });
    const calls = connect({ address });
    expect((await calls.findJob('j')).tasks.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    const { items } = await calls.findJobs({ fields: ['jobState', 'tasks.state'] });
    expect(items[0]?.tasks.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(received.at(-1)?.request).toMatchObject({ jobId: 'j', fields: ['state'] });
  });

  it('sends the identity of the caller', async () => {
    const { address, received } = await gateway({ killJob: () => Empty.create() });
    await connect({ address, caller: { id: 'cli', email: 'ann@example.com' } }).killJob({ id: 'j1' });
    expect(received[0]?.metadata.getMap()).toMatchObject({
      'berth-caller-id': 'cli',
      'berth-caller-email': 'ann@example.com',
    });
  });

  it('refuses a caller that cannot be sent as metadata', () => {
    expect(() => connect({ address: 'a:1', caller: { name: 'Zoë' } })).toThrow(/caller's name/);
  });

  it('names every wrong field of a refused request', async () => {
    const violations = [
      { field: 'owner', description: 'must be given' },
      { field: 'containers', description: 'must not be empty' },
    ];
    const { address } = await gateway({
      createJob: () => {
        throw invalidFields(violations);
      },
    });
    await expect(connect({ address }).createJob({})).rejects.toMatchObject({
      code: 'invalidArgument',
      violations,
    });
  });

  it('ends at its deadline', async () => {
    const { address } = await gateway({ findJob: () => new Promise<Job>(() => {}) });
    const call = connect({ address }).findJob('j1', { deadlineMs: 100 });
    await expect(call).rejects.toMatchObject({
      code: 'deadlineExceeded',
      message: `The gateway at ${address} did not answer in time.`,
    });
  });

  it('rejects with the reason of its signal', async () => {
    const controller = new AbortController();
    const { address } = await gateway({
      findJob: () => {
        controller.abort(new Error('the user went home'));
        return new Promise<Job>(() => {});
      },
    });
    const call = connect({ address }).findJob('j1', { signal: controller.signal });
    await expect(call).rejects.toThrow('the user went home');
  });

  it('is refused after close', async () => {
    const calls = connect({ address: '127.0.0.1:1' });
    calls.close();
    await expect(calls.findJob('j1')).rejects.toMatchObject({ code: 'failedPrecondition' });
  });
});

describe('a call to a gateway that is unavailable', () => {
  it('is repeated if it only reads', async () => {
    let calls = 0;
    const { address } = await gateway({
      findJob: ({ id }) => {
        calls += 1;
        if (calls < 3) throw unavailable();
        return Job.fromPartial({ id });
      },
    });
    await expect(connect({ address }).findJob('j1')).resolves.toMatchObject({ id: 'j1' });
    expect(calls).toBe(3);
  });

  it('is repeated with the same idempotency key if it creates a job', async () => {
    const keys: unknown[] = [];
    const { address } = await gateway({
      createJob: (_, metadata) => {
        keys.push(metadata.get('idempotency-key')[0]);
        if (keys.length === 1) throw unavailable();
        return JobId.create({ id: 'j1' });
      },
    });
    const calls = connect({ address });
    await calls.createJob({});
    await calls.createJob({});
    await calls.createJob({}, { idempotencyKey: 'mine' });
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
    expect(keys[3]).toBe('mine');
  });

  it('is not repeated if it changes instances and the gateway has seen it', async () => {
    const { address, received } = await gateway({
      updateJobInstances: () => {
        throw unavailable();
      },
    });
    const update = connect({ address }).updateJobInstances({ jobId: 'j1', instances: { desired: 2 } });
    await expect(update).rejects.toMatchObject({
      code: 'unavailable',
      message: 'The store does not answer.',
    });
    expect(received).toHaveLength(1);
  });

  it('goes to the next gateway, whatever it does, if the first is unreachable', async () => {
    const { address, received } = await gateway({ updateJobInstances: () => Empty.create() });
    const calls = connect({ addresses: [await deadAddress(), address] });
    await calls.updateJobInstances({ jobId: 'j1', instances: { desired: 2 } });
    expect(received).toHaveLength(1);
  });

  it.each([
    {
      what: 'an HTTP server',
      server: createHttpServer((_, response) => response.end()),
      why: 'the answer is not gRPC (is it the HTTP port?)',
    },
    {
      what: 'who closes the connection',
      server: createServer((socket) => socket.destroy()),
      why: 'the connection was closed at once',
    },
  ])('fails with a reason if it is answered by $what', async ({ server, why }) => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    open.push({ close: () => void server.close() });
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const failed = connect({ address }).findJob('j1');
    await expect(failed).rejects.toThrow(`The gateway at ${address} cannot be reached: ${why}.`);
  });

  it('refuses all malformed addresses at once', () => {
    const addresses = ['localhost', '127.0.0.1:99999', 'gateway:7104', '[::1]:7104', 'gateway:0'];
    expect(() => connect({ addresses })).toThrow(
      'The address of a gateway is host:port, with a port from 1 to 65535; malformed: "localhost", "127.0.0.1:99999", "gateway:0".',
    );
  });

  it('fails with the address and the reason if no gateway is reachable', async () => {
    const address = await deadAddress();
    const failure = await connect({ address })
      .findJob('j1')
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UnreachableError);
    expect(failure).toMatchObject({
      code: 'unavailable',
      message: `The gateway at ${address} cannot be reached: the connection was refused.`,
    });
  });
});

describe('reading its own writes', () => {
  const answerFrom = (revisions: string[]): Script => ({
    findJob: ({ id }, _, trailers) => {
      const revision = revisions.shift();
      if (revision !== undefined) trailers.set('berth-revision', revision);
      return Job.fromPartial({ id });
    },
  });
  const requiredRevisions = ({ received }: ScriptedGateway) =>
    received.map(({ metadata }) => metadata.get('berth-min-revision')[0]);

  it('asks for the greatest revision that the client has seen', async () => {
    const started = await gateway(answerFrom(['7', '5', '9', 'nonsense']));
    const calls = connect({ address: started.address });
    for (let reads = 0; reads < 5; reads += 1) await calls.findJob('j1');
    expect(requiredRevisions(started)).toEqual([undefined, '7', '7', '9', '9']);
  });

  it('gives up a revision that no gateway reaches', async () => {
    let isRestored = false;
    const started = await gateway({
      findJob: ({ id }, metadata, trailers) => {
        if (isRestored && Number(metadata.get('berth-min-revision')[0] ?? 0) > 40) {
          throw new BerthError('deadlineExceeded', 'Revision 100 did not come in time.');
        }
        trailers.set('berth-revision', isRestored ? '40' : '100');
        return Job.fromPartial({ id });
      },
    });
    const calls = connect({ address: started.address });
    await calls.findJob('j1');
    isRestored = true;
    await expect(calls.findJob('j1')).resolves.toMatchObject({ id: 'j1' });
    await calls.findJob('j1');
    expect(requiredRevisions(started)).toEqual([undefined, '100', '100', '100', undefined, '40']);
  });
});

describe('metadata of a call', () => {
  it('names the stage of the changed instances, beside the metadata of the caller', async () => {
    const started = await gateway({ updateJobInstances: () => Empty.create() });
    const metadata = new Metadata();
    metadata.set('x-request-id', 'r1');
    await connect({ address: started.address }).updateJobInstances({ jobId: 'j1' }, { metadata, stage: '2' });
    expect(started.received[0]?.metadata.getMap()).toMatchObject({
      'berth.stage': '2',
      'x-request-id': 'r1',
    });
  });
});
