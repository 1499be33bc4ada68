import { describe, expect, it } from 'vitest';
import { parseJobFile } from '../job-file/parse.js';
import { cli } from '../testing/harness.js';
import { withAdvice } from './advice.js';
import { errorReport } from './error-text.js';

describe('words of other systems', () => {
  it.each([
    [['logs', 'x'], /unknown command 'logs'.*docker logs TASK/],
    [['stop', 'x'], /unknown command 'stop'.*berth kill JOB/],
    [['status'], /berth ps/],
    [['inspect', 'x'], /berth show JOB/],
    [['rm', 'x'], /berth kill JOB/],
    [['images'], /docker images/],
    [['node', 'ls'], /berth agents/],
    [['nodes'], /berth agents/],
    [['top'], /berth agents/],
    [['restart', 'x'], /berth kill TASK/],
    [['job', 'run', 'x.hcl'], /berth run/],
    [['events'], /berth observe/],
    [['exec', 'x', 'sh'], /docker exec/],
    [['apply', '-f', 'x'], /berth submit -f FILE/],
    [['run', '-it', 'busybox'], /docker exec/],
    [['run', '--rm', 'busybox'], /removed by themselves/],
    [['run', '--restart=always', 'busybox'], /--service/],
    [['run', '-m', '64m', 'busybox'], /Use --memory/],
    [['run', '-v', '/a:/b', 'busybox'], /no volumes/],
    [['ps', '-q'], /-o json/],
  ])('%j has an advice', async (args, advice) => {
    const { err, exitCode } = await cli(args);
    expect(err.join(' ')).toMatch(advice);
    expect(err.join(' ')).not.toMatch(/Did you mean/);
    expect(exitCode).toBe(args[0] === 'run' ? 125 : 2);
  });

  it.each(['volumes', 'secrets', 'files', 'health', 'healthcheck', 'configs', 'replicas', 'environment'])(
    'the field %s has an advice',
    (field) => {
      const parse = () => parseJobFile(`image: a\n${field}: 1`, 'job.yaml');
      expect(parse).toThrow(
        expect.objectContaining({
          problems: [expect.stringMatching(`^${field}: there is no such field[:;] .*(use|no)`)],
        }),
      );
    },
  );

  it('leaves other messages as they are', () => {
    const message = "error: unknown command 'shwo'\n(Did you mean show?)";
    expect(withAdvice(message)).toBe(message);
  });
});

it.each(['--version', '-v'])('berth %s prints the version', async (flag) => {
  const { out, exitCode } = await cli([flag]);
  expect(out.join('')).toMatch(/^berth \d+\.\d+\.\d+ \(Node \d+/);
  expect(exitCode).toBe(0);
});

it.each([new Error(''), new AggregateError([new Error('connect ECONNREFUSED')], ''), '', undefined])(
  'no error is without words: %s',
  (error) => {
    expect(errorReport(error).lines[0]).toMatch(/^berth: unexpected error: \S/);
  },
);
