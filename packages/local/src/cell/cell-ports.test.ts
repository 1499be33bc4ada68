import { describe, expect, it } from 'vitest';
import { SetupError } from '../output/setup-error.js';
import { withFreshPorts } from './cell-ports.js';

const taken = new SetupError(
  'The api did not become ready.\ncannot listen on 127.0.0.1:7180: another process listens there already',
);

/** A start with these failures before it succeeds. */
function starting(failures: readonly Error[]) {
  let starts = 0;
  const start = async () => {
    const failure = failures[starts];
    starts += 1;
    if (failure !== undefined) throw failure;
    return 'cell';
  };
  return { start, starts: () => starts };
}

describe('withFreshPorts', () => {
  it('starts again if another process took a port', async () => {
    const { start, starts } = starting([taken, taken]);
    expect(await withFreshPorts(start)).toBe('cell');
    expect(starts()).toBe(3);
  });

  it('gives up after four starts', async () => {
    const { start, starts } = starting(Array.from({ length: 9 }, () => taken));
    await expect(withFreshPorts(start)).rejects.toBe(taken);
    expect(starts()).toBe(4);
  });

  it('does not repeat other failures', async () => {
    const other = new SetupError('Redis does not serve.');
    const { start, starts } = starting([other]);
    await expect(withFreshPorts(start)).rejects.toBe(other);
    expect(starts()).toBe(1);
  });
});
