import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HealthService } from '../../gen/grpc/health/v1/health.js';
import type { ServerReflectionRequest } from '../../gen/grpc/reflection/v1/reflection.js';
import {
  type JobId,
  JobManagementServiceService,
  type Job as TitusJob,
} from '../../gen/netflix/titus/titus_job_api.js';
import { silentLogger } from '../../process/logger.js';
import { unary } from '../calls/handlers.js';
import { withUnimplemented } from '../calls/unimplemented.js';
import { type GrpcServer, startGrpcServer } from '../server/server.js';
import { indexDescriptors, loadDescriptors } from './descriptors.js';
import { createHealth } from './health.js';
import { answer } from './reflection.js';

const options = { log: silentLogger };
const jobManagement = 'netflix.titus.JobManagementService';
const root = join(import.meta.dirname, '../../../../..');

describe('reflection with a real client (buf curl)', () => {
  let server: GrpcServer;
  const health = createHealth([JobManagementServiceService], options);

  beforeAll(async () => {
    const findJob = unary<JobId, Partial<TitusJob>>(
      async ({ id }) => ({ id, jobClusterId: 'default', tasks: [], stateChanges: [] }),
      options,
    );
    const implementation = withUnimplemented(JobManagementServiceService, { findJob }, options);
    health.setServing(true);
    server = await startGrpcServer({
      address: { host: '127.0.0.1', port: 0 },
      services: [{ definition: JobManagementServiceService, implementation }],
      health,
      log: silentLogger,
    });
  });
  afterAll(() => server.close(1000));

  it.each(['grpc-v1', 'grpc-v1alpha'])(
    'lists exactly the services that the server has, over %s',
    async (protocol) => {
      const { output } = await curl(['--reflect-protocol', protocol, '--list-services'], '');
      expect(output.trim().split('\n').sort()).toEqual([
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
        jobManagement,
      ]);
    },
  );

  it('lists every method', async () => {
    const { output } = await curl(['--list-methods'], '');
    for (const { path } of Object.values(JobManagementServiceService))
      expect(output).toContain(path.slice(1));
  });

  it.each(['grpc-v1', 'grpc-v1alpha'])(
    'describes a call well enough to make it, over %s',
    async (protocol) => {
      const request = ['--reflect-protocol', protocol, '-d', '{"id":"job-1"}'];
      const { output } = await curl(request, `${jobManagement}/FindJob`);
      expect(JSON.parse(output)).toEqual({ id: 'job-1', jobClusterId: 'default' });
    },
  );

  it('passes on the name of a missing method', async () => {
    const { exitCode, errors } = await curl(['-d', '{}'], `${jobManagement}/KillJobs`);
    expect(exitCode).toBe(8 * status.UNIMPLEMENTED);
    expect(errors).toContain('KillJobs is not implemented.');
  });

  it('allows calls of the health service', async () => {
    const check = async (service: string) => {
      const { output } = await curl(['-d', JSON.stringify({ service })], 'grpc.health.v1.Health/Check');
      return JSON.parse(output).status;
    };
    expect(await check('')).toBe('SERVING');
    expect(await check(jobManagement)).toBe('SERVING');
    health.setServing(false);
    expect(await check('')).toBe('NOT_SERVING');
    const unknown = await curl(['-d', '{"service":"x"}'], 'grpc.health.v1.Health/Check');
    expect(unknown.exitCode).toBe(8 * status.NOT_FOUND);
  });

  function curl(args: readonly string[], method: string) {
    const url = `http://127.0.0.1:${server.port}/${method}`;
    const all = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args, url];
    return new Promise<{ exitCode: number; output: string; errors: string }>((resolve) => {
      const child = execFile(join(root, 'node_modules/.bin/buf'), all, { cwd: root }, (_, output, errors) =>
        resolve({ exitCode: child.exitCode ?? -1, output, errors }),
      );
    });
  }
});

describe('an answer to a reflection request', () => {
  const index = indexDescriptors(loadDescriptors(), [jobManagement]);
  const ask = (messageRequest: ServerReflectionRequest['messageRequest']) =>
    answer(index, { host: '', messageRequest });
  const fileNames = (messageRequest: ServerReflectionRequest['messageRequest']) => {
    const found = ask(messageRequest);
    if (found.$case !== 'fileDescriptorResponse') return found;
    return found.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
  };
  const titusFiles = [
    'netflix/titus/titus_job_api.proto',
    'google/protobuf/empty.proto',
    'netflix/titus/titus_base.proto',
  ];

  it('contains the named file and its imports', () => {
    expect(fileNames({ $case: 'fileByFilename', value: titusFiles[0] ?? '' })).toEqual(titusFiles);
  });

  it.each([
    jobManagement,
    `${jobManagement}.CreateJob`,
    'netflix.titus.Task',
    'netflix.titus.Task.taskContext',
    'netflix.titus.JobChangeNotification.TaskUpdate',
    'netflix.titus.JobChangeNotification.notification',
    'netflix.titus.State',
    'netflix.titus.RUNNING',
  ])('finds the file of %s', (symbol) => {
    expect(fileNames({ $case: 'fileContainingSymbol', value: symbol })).toEqual(titusFiles);
  });

  it('contains no services that the server does not have', () => {
    expect(ask({ $case: 'fileContainingSymbol', value: 'job.v1.JobService' })).toMatchObject({
      $case: 'errorResponse',
      value: { errorCode: status.NOT_FOUND },
    });
    expect(ask({ $case: 'fileByFilename', value: 'job/v1/job_service.proto' }).$case).toBe('errorResponse');
  });

  it('reports a message without extensions, and an unknown message', () => {
    expect(ask({ $case: 'allExtensionNumbersOfType', value: 'netflix.titus.Task' })).toEqual({
      $case: 'allExtensionNumbersResponse',
      value: { baseTypeName: 'netflix.titus.Task', extensionNumber: [] },
    });
    expect(ask({ $case: 'allExtensionNumbersOfType', value: 'netflix.titus.None' }).$case).toBe(
      'errorResponse',
    );
    const extension = { containingType: 'netflix.titus.Task', extensionNumber: 100 };
    expect(ask({ $case: 'fileContainingExtension', value: extension }).$case).toBe('errorResponse');
  });

  it('reports an empty request', () => {
    expect(ask(undefined)).toMatchObject({ value: { errorCode: status.INVALID_ARGUMENT } });
  });

  it('is refused for a service without a proto', () => {
    expect(() => indexDescriptors(loadDescriptors(), ['x.Y'])).toThrow('x.Y');
    expect(
      indexDescriptors(loadDescriptors(), [HealthService.check.path.split('/')[1] ?? '']).services,
    ).toEqual(['grpc.health.v1.Health']);
  });
});
