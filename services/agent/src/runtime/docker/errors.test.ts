import { describe, expect, it } from 'vitest';
import type { FailureKind } from '../../core/container.js';
import { RuntimeError } from '../contract/container-runtime.js';
import { type DockerCall, isAlreadySo, toRuntimeError } from './errors.js';

const answer = (statusCode: number, message: string) => ({
  statusCode,
  json: { message },
  message: `HTTP ${message}`,
});

describe('a failure of dockerode', () => {
  it.each<[DockerCall, number, string, FailureKind]>([
    ['create', 404, 'No such image: app:1', 'notFound'],
    ['create', 400, 'Minimum memory limit allowed is 6MB', 'invalid'],
    ['create', 409, 'The container name "/t" is already in use', 'conflict'],
    ['create', 500, 'no space left on device', 'failed'],
    ['start', 400, 'exec: "/nope": stat /nope: no such file or directory: unknown', 'invalid'],
    ['start', 500, 'exec: "nope": executable file not found in $PATH', 'invalid'],
    ['start', 500, 'driver failed programming external connectivity', 'failed'],
    [
      'start',
      500,
      'failed to update store for object type *libnetwork.endpoint: open : no such file or directory',
      'failed',
    ],
    ['start', 404, 'No such container: t', 'notFound'],
    ['start', 404, 'network blue not found', 'failed'],
    ['pull', 404, 'pull access denied for app, repository does not exist', 'notFound'],
    ['pull', 500, 'manifest unknown', 'notFound'],
    ['pull', 500, 'dial tcp: lookup registry: no such host', 'failed'],
    ['pull', 500, 'Get "https://r/v2/": unauthorized: authentication required', 'invalid'],
    ['start', 500, 'error running hook #0: load library: x.so: no such file or directory', 'failed'],
    ['kill', 409, 'Container t is not running', 'conflict'],
    [
      'kill',
      500,
      'can only kill running containers. x is in state exited: container state improper',
      'conflict',
    ],
    ['remove', 404, 'No such container: t', 'notFound'],
  ])('of %s with %i %s is of kind %s of ours', (call, statusCode, message, kind) => {
    expect(toRuntimeError(answer(statusCode, message), call, 1_000)).toMatchObject({ kind, message });
  });

  it('names whose fault a launch is, and of no other call', () => {
    const refusal = answer(500, 'unauthorized: authentication required');
    expect(toRuntimeError(refusal, 'pull', 1_000)).toMatchObject({ kind: 'invalid', fault: 'image' });
    expect(toRuntimeError(refusal, 'list', 1_000)).toMatchObject({ kind: 'failed', fault: undefined });
  });

  it('without an answer says that Docker cannot be reached', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED /var/run/docker.sock'), {
      code: 'ECONNREFUSED',
    });
    expect(toRuntimeError(refused, 'list', 1_000)).toMatchObject({
      kind: 'unavailable',
      message: 'Docker cannot be reached: connect ECONNREFUSED /var/run/docker.sock',
    });
  });

  it('by the agent’s own time limit has the limit in its text', () => {
    const aborted = Object.assign(new Error('This operation was aborted'), { name: 'AbortError' });
    expect(toRuntimeError(aborted, 'start', 60_000)).toMatchObject({
      kind: 'failed',
      message: 'Docker did not answer start within 60000 ms',
    });
  });

  it('that is a RuntimeError already stays as it is', () => {
    const own = new RuntimeError('conflict', 'mine');
    expect(toRuntimeError(own, 'create', 1_000)).toBe(own);
  });

  it('is none if the container is in the wanted state already', () => {
    expect(isAlreadySo({ statusCode: 304 })).toBe(true);
    expect(isAlreadySo({ statusCode: 404 })).toBe(false);
    expect(isAlreadySo(new Error('socket hang up'))).toBe(false);
  });
});
