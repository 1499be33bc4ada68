import { Container } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { parseResources } from '@berth/shared/model/resources/resources';
import { zeroResources } from '@berth/shared/model/resources/vector';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContainerStatus } from './container.js';
import { describeExit, memoryLimitOf, outcomeOfContainer, outcomeOfFailure } from './outcome.js';

const ended = (changes: Partial<ContainerStatus>): ContainerStatus => ({
  taskId: 't',
  state: 'exited',
  ...changes,
});

describe('the outcome of a container', () => {
  it.each<[string, Partial<ContainerStatus>, string, string]>([
    ['exit code 0', { exitCode: 0 }, 'normal', ''],
    ['an exit code', { exitCode: 3 }, 'failed', 'exit code 3'],
    ['a signal', { exitCode: 143 }, 'failed', 'SIGTERM (exit code 143)'],
    [
      'SIGKILL that was not for memory',
      { exitCode: 137, oomKilled: false },
      'failed',
      'SIGKILL (exit code 137)',
    ],
    ['lack of memory', { exitCode: 137, oomKilled: true }, 'oom', 'killed at its memory limit of 64 MB'],
    [
      'a child’s lack of memory that the main process survived',
      { exitCode: 0, oomKilled: true },
      'normal',
      '',
    ],
    [
      'a command that is not there',
      { exitCode: 127, startError: 'no such file' },
      'invalidRequest',
      'no such file',
    ],
    [
      'an engine that ended it',
      { exitCode: 143, endedByEngine: true },
      'systemError',
      'its container engine shut down or was restarted, and ended it: SIGTERM (exit code 143)',
    ],
    [
      'an engine that ended a program which handled the signal',
      { exitCode: 0, endedByEngine: true },
      'systemError',
      'its container engine shut down or was restarted, and ended it: exit code 0',
    ],
    ['a shell’s 127', { exitCode: 127 }, 'failed', 'exit code 127'],
  ])('of %s', (_, status, code, text) => {
    expect(outcomeOfContainer(ended(status), '64 MB')).toMatchObject({ code, text });
  });

  it('has the exit code of every container that ran', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.boolean(), (exitCode, oomKilled) => {
        const outcome = outcomeOfContainer(ended({ exitCode, oomKilled }));
        expect(outcome.exitCode).toBe(exitCode);
        expect(outcome.code === 'normal').toBe(exitCode === 0);
      }),
    );
  });
});

describe('the outcome of a launch that failed', () => {
  it.each([
    ['invalid', 'invalidRequest'],
    ['notFound', 'invalidRequest'],
    ['conflict', 'systemError'],
    ['unavailable', 'systemError'],
    ['failed', 'systemError'],
  ] as const)('with %s is %s', (kind, code) => {
    expect(outcomeOfFailure({ kind, message: 'why' })).toMatchObject({ code, text: 'why' });
  });

  it.each([
    ['failed', 'registry', 'systemError'],
    ['invalid', 'image', 'invalidRequest'],
    ['invalid', 'host', 'systemError'],
  ] as const)('with %s by the fault of the %s is %s', (kind, fault, code) => {
    expect(outcomeOfFailure({ kind, message: 'why', fault })).toEqual({ code, text: 'why', fault });
  });
});

describe('an exit code in words', () => {
  it('names the signal if there is one', () => {
    expect(describeExit(139)).toBe('SIGSEGV (exit code 139)');
    expect(describeExit(200)).toBe('exit code 200');
    expect(describeExit(128)).toBe('exit code 128');
  });
});

describe('the memory limit', () => {
  it.each([
    ['16MiB', '16 MiB'],
    ['1.5 GiB', '1.5 GiB'],
    ['10MB', '10 MB'],
    ['64', '64 MB'],
    [undefined, '512 MB'],
  ])('of %s is told as %s', (memory, text) => {
    const asked = memory === undefined ? {} : { memory };
    const parsed = parseResources(asked);
    if ('violations' in parsed) throw new Error('these resources are valid');
    const container = Container.fromPartial({ resources: asked });
    expect(memoryLimitOf({ container, resources: parsed.resources })).toBe(text);
  });

  it('is empty if there is none', () => {
    expect(memoryLimitOf(undefined)).toBe('');
    expect(memoryLimitOf({ container: undefined, resources: zeroResources() })).toBe('');
  });
});
