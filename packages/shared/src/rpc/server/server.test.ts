import { Client, credentials, type MethodDefinition, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  JobManagementServiceClient,
  JobManagementServiceService,
  Task,
} from '../../gen/netflix/titus/titus_job_api.js';
import { silentLogger } from '../../process/logger.js';
import { unary } from '../calls/handlers.js';
import { withUnimplemented } from '../calls/unimplemented.js';
import { fromServiceError } from '../errors/status.js';
import { passThrough } from '../streaming/pass-through.js';
import { type GrpcServer, startGrpcServer } from './server.js';

const options = { log: silentLogger };
const address = { host: '127.0.0.1', port: 0 };
const open: GrpcServer[] = [];

async function serve(services: Parameters<typeof startGrpcServer>[0]['services']) {
  const server = await startGrpcServer({ address, services, log: silentLogger });
  open.push(server);
  const client = new JobManagementServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure());
  onTestFinished(() => Client.prototype.close.call(client));
  return { server, client };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close(1000)));
});

describe('a server', () => {
  it('reports in one sentence that its address is in use', async () => {
    const { server } = await serve([]);
    const taken = startGrpcServer({
      address: { ...address, port: server.port },
      services: [],
      log: silentLogger,
    });
    await expect(taken).rejects.toThrow(
      `The gRPC server cannot listen on 127.0.0.1:${server.port}: another process listens there already.`,
    );
  });

  it('reports in one sentence that the machine does not have the address', async () => {
    const elsewhere = startGrpcServer({
      address: { host: '192.0.2.1', port: 7104 },
      services: [],
      log: silentLogger,
    });
    await expect(elsewhere).rejects.toThrow(
      'cannot listen on 192.0.2.1:7104: this machine has no such address.',
    );
  });

  it('cuts off calls that do not end within the grace', async () => {
    const findJob = unary(() => new Promise<never>(() => {}), options);
    const implementation = withUnimplemented(JobManagementServiceService, { findJob }, options);
    const { server, client } = await serve([{ definition: JobManagementServiceService, implementation }]);
    const begun = new Promise<unknown>((resolve) => client.findJob({ id: 'x' }, (error) => resolve(error)));
    await new Promise((resolve) => client.waitForReady(Date.now() + 5000, resolve));
    await server.close(50);
    expect(fromServiceError(await begun).code).toBe('unavailable');
  });
});

describe('missing methods', () => {
  it('answer UNIMPLEMENTED with their names, for unary calls and streams', async () => {
    const implementation = withUnimplemented(JobManagementServiceService, {}, options);
    const { client } = await serve([{ definition: JobManagementServiceService, implementation }]);
    const killed = await new Promise<unknown>((resolve) => client.killJob({ id: 'x' }, resolve));
    expect(killed).toMatchObject({ code: status.UNIMPLEMENTED, details: 'KillJob is not implemented.' });
    const streamed = await new Promise<unknown>((resolve) => client.observeJobs({}).on('error', resolve));
    expect(streamed).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: 'ObserveJobs is not implemented.',
    });
  });

  it('do not hide a handler with a misspelt name', () => {
    const misspelt = { findJbo: unary(async () => ({}), options) };
    expect(() => withUnimplemented(JobManagementServiceService, misspelt, options)).toThrow('findJbo');
  });
});

describe('a service that passes bytes through', () => {
  const task = Task.fromPartial({ id: 'job.0-0', taskContext: { zone: 'a' } });
  const definition = passThrough(JobManagementServiceService, ['findTask']);

  it('sends an encoded message unchanged, and encodes any other', async () => {
    const answers: (Task | Buffer)[] = [Buffer.from(Task.encode(task).finish()), task];
    const findTask = unary<unknown, Task | Buffer>(async () => answers.shift() ?? task, options);
    const implementation = withUnimplemented(definition, { findTask }, options);
    const { client } = await serve([{ definition, implementation }]);
    const find = () =>
      new Promise((resolve) => client.findTask({ id: task.id }, (_, found) => resolve(found)));
    expect(await find()).toEqual(task);
    expect(await find()).toEqual(task);
    expect(answers).toEqual([]);
  });

  it('does not change the other methods and the original', () => {
    const original: MethodDefinition<never, Task> = JobManagementServiceService.findTask as never;
    expect(definition.findJob).toBe(JobManagementServiceService.findJob);
    expect(() => original.responseSerialize(Buffer.from('x') as never)).toThrow();
  });
});
