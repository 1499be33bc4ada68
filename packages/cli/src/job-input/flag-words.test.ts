import { BerthError, invalidFields } from '@berth/shared/model/errors/errors';
import { describe, expect, it } from 'vitest';
import { inFlags, refusedFlags } from './flag-words.js';

describe('a problem of a job that flags describe', () => {
  it.each([
    ['runtimeLimit: must be more than 0', '--runtime-limit: must be more than 0'],
    ['instances.desired: is 20000', '--instances: is 20000'],
    ['ports[1]: is 0', '--port: is 0'],
    ['env["A: B"]: must not hold NUL', '--env A: B: must not hold NUL'],
    ['env.A: must not hold NUL', '--env A: must not hold NUL'],
    ['labels["titus.a"]: is reserved', '--label titus.a: is reserved'],
    ['image: "A" is not an image name', 'image: "A" is not an image name'],
    ['owner: is required', 'owner: is required'],
    ['constructor: is odd', 'constructor: is odd'],
    ['a sentence', 'a sentence'],
  ])('has the name of the flag: %s', (problem, expected) => {
    expect(inFlags(problem)).toBe(expected);
  });

  it('has it also if the gateway finds it', () => {
    const violations = [
      { field: 'containers["main"].resources.cpu', description: 'must be greater than 0' },
      { field: 'batch.runtimeLimitSecs', description: 'is 4e9' },
    ];
    expect(refusedFlags(invalidFields(violations))).toMatchObject({
      message: 'the gateway refuses the request:',
      problems: ['--cpu: must be greater than 0', '--runtime-limit: is 4e9'],
    });
    const other = new BerthError('unavailable', 'The gateway is going down.');
    expect(refusedFlags(other)).toBe(other);
  });
});
