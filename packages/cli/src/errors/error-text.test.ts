import { UnreachableError } from '@berth/client';
import { BerthError, invalidFields } from '@berth/shared/model/errors/errors';
import { describe, expect, it } from 'vitest';
import { errorReport } from './error-text.js';
import { UsageError } from './usage-error.js';

describe('the report of a failure', () => {
  it('names the address of an unreachable gateway and the settings to check', () => {
    const { lines, exitCode } = errorReport(
      new UnreachableError('h:1', 'the connection was refused', undefined),
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /h:1 cannot be reached, since the connection was refused: .*--address.*BERTH_API_GRPC/,
    );
    expect(exitCode).toBe(1);
  });

  it('has a line for each field of a refused request', () => {
    const error = invalidFields([
      { field: 'owner', description: 'is required' },
      { field: 'containers["main"].image', description: 'is required' },
    ]);
    expect(errorReport(error)).toEqual({
      lines: [
        'berth: the gateway refuses the request:',
        '  owner: is required',
        '  containers["main"].image: is required',
      ],
      exitCode: 2,
    });
  });

  it('names the variables for credentials if the gateway requires them', () => {
    const { lines, exitCode } = errorReport(new BerthError('unauthenticated', 'Callers must say who.'));
    expect(lines[0]).toBe('berth: Callers must say who.');
    expect(lines.slice(1).join()).toMatch(/^ {2}BERTH_API_TOKEN .*BERTH_API_CERT and BERTH_API_KEY/);
    expect(exitCode).toBe(1);
  });

  it("repeats the gateway's sentence about an unknown id", () => {
    const { lines, exitCode } = errorReport(new BerthError('notFound', 'There is no job "x".'));
    expect(lines).toEqual(['berth: There is no job "x".']);
    expect(exitCode).toBe(1);
  });

  it('lists every problem of a wrong command line', () => {
    const { lines, exitCode } = errorReport(new UsageError('job.yaml is not a valid job:', ['a: b', 'c: d']));
    expect(lines).toEqual(['berth: job.yaml is not a valid job:', '  a: b', '  c: d']);
    expect(exitCode).toBe(2);
  });

  it('describes a defect without a stack trace', () => {
    const { lines } = errorReport(new TypeError('x is not a function'));
    expect(lines).toEqual(['berth: unexpected error: x is not a function (BERTH_DEBUG=1 shows more)']);
  });
});
