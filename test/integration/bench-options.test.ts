import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repoRoot } from '@berth/local/machine/paths';
import { describe, expect, it } from 'vitest';
import { amount, count, counts, partsOfNames, readOptions, someOf } from '../bench/options.js';

const run = promisify(execFile);

const options = {
  rounds: count('how often', 3),
  variants: count('variants', 1, 0),
  part: amount('a part', 1, 1),
  sizes: counts('sizes', [1, 10]),
  only: someOf('parts', ['fanout', 'idle']),
  names: partsOfNames('names'),
};

const read = (...args: readonly string[]) => readOptions('some', options, args);

describe('the options of a benchmark', () => {
  it('have their defaults if they are not given', () => {
    expect(read()).toEqual({
      values: {
        rounds: 3,
        variants: 1,
        part: 1,
        sizes: [1, 10],
        only: new Set(['fanout', 'idle']),
        names: [''],
      },
    });
  });

  it('are read from the arguments', () => {
    const given = ['--rounds=5', '--variants', '0', '--part', '0.1', '--sizes', '7', '--only', 'idle'];
    expect(read(...given, '--names', 'a,b')).toEqual({
      values: { rounds: 5, variants: 0, part: 0.1, sizes: [7], only: new Set(['idle']), names: ['a', 'b'] },
    });
  });

  it('are refused with all their faults', () => {
    const given = [
      '--rounds',
      '1.5',
      '--variants=-1',
      '--part',
      '2',
      '--sizes',
      '10,x',
      '--only',
      'fan,idle',
    ];
    expect(read('stray', ...given, '--colour', 'red', '--names')).toEqual({
      problems: [
        '"stray" is not an option',
        '"red" is not an option',
        'there is no --colour',
        '--rounds must be a whole number of at least 1, is "1.5"',
        '--variants must be a whole number of at least 0, is "-1"',
        '--part must be a number above 0 and up to 1, is "2"',
        '--sizes must be a whole number of at least 1, is "x"',
        '--only has no fan; there are fanout, idle',
        '--names needs a value',
      ],
    });
  });

  it.each(['', ' ', 'NaN', 'Infinity'])('do not take %j for a number', (text) => {
    expect(read(`--rounds=${text}`)).toMatchObject({
      problems: [expect.stringContaining('--rounds must be')],
    });
  });

  it('are listed on request without starting anything', async () => {
    const main = join(repoRoot, 'packages', 'local', 'dist', 'main.js');
    const { stdout, stderr } = await run(process.execPath, [main, 'bench', 'observe', '--help'], {
      env: { ...process.env, VITEST: undefined },
    });
    expect(stdout).toContain('--subscribers\n      to how many all is delivered (1,10,100,1000)');
    expect(stderr).toBe('');
  });

  it.each([
    [
      ['--nosuch', '1', '--rounds', 'few'],
      ['there is no --nosuch', '--rounds must be a whole number'],
    ],
    [['--only', 'basic,nothing'], ['no case has nothing in its name; there are:\n  basic']],
  ])('end the benchmark if they are wrong: %j', async (args, messages) => {
    const script = join(repoRoot, 'test', 'dist', 'bench', 'place.bench.js');
    const failed: unknown = await run(process.execPath, [script, ...args]).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 2, stdout: '' });
    for (const message of messages)
      expect(failed).toMatchObject({ stderr: expect.stringContaining(message) });
  });
});
