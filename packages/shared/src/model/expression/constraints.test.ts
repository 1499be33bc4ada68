import { describe, expect, it } from 'vitest';
import { Constraints, Container } from '../../gen/netflix/titus/titus_job_api.js';
import { constraintViolations, parseConstraints } from './constraints.js';
import { knownAttributes } from './vocabulary.js';

const known = knownAttributes([{ zone: 'a', gpuModel: 'T4' }]);

function problems(hard: Partial<Constraints>, soft: Partial<Constraints> = {}): readonly string[] {
  const container = Container.fromPartial({ hardConstraints: hard, softConstraints: soft });
  return constraintViolations(container, 'c', known).map(
    ({ field, description }) => `${field}: ${description}`,
  );
}

function setOf(constraints: Record<string, string>, expression = '') {
  const parsed = parseConstraints(Constraints.fromPartial({ constraints, expression }), 'c', known);
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  return parsed.set;
}

describe('constraints', () => {
  it('are conditions, and values of attributes', () => {
    const set = setOf({ zoneBalance: 'true', uniqueHost: 'false', serverGroup: 'web, api', gpuModel: 'T4' });
    expect([...set.conditions]).toEqual(['zoneBalance']);
    expect(set.attributes).toEqual([
      { name: 'gpuModel', values: ['T4'] },
      { name: 'serverGroup', values: ['web', 'api'] },
    ]);
  });

  it('may be written in any case, but for the names of an operator’s own attributes', () => {
    const set = setOf({ ZONEBALANCE: 'TRUE', servergroup: 'web' });
    expect([...set.conditions]).toEqual(['zoneBalance']);
    expect(set.attributes).toEqual([{ name: 'serverGroup', values: ['web'] }]);
    expect(problems({ constraints: { gpumodel: 'T4' } })).toHaveLength(1);
  });

  it('are refused for a name that is not known, with all that are', () => {
    expect(problems({ constraints: { uniqHost: 'true' } })).toEqual([
      'c.hardConstraints.constraints["uniqHost"]: is not a known constraint; known are uniqueHost, exclusiveHost, ' +
        'zoneBalance, region, zone, host, instance, serverGroup, machineType, gpuModel',
    ]);
  });

  it('are refused for values that mean nothing', () => {
    expect(problems({ constraints: { uniqueHost: 'yes', host: ' , ' } })).toEqual([
      'c.hardConstraints.constraints["uniqueHost"]: is "yes", but must be true or false',
      'c.hardConstraints.constraints["host"]: is empty; name one value, or several separated by commas',
    ]);
  });

  it('are refused if one name is hard and soft', () => {
    expect(
      problems({ constraints: { zoneBalance: 'true' } }, { constraints: { zonebalance: 'true' } }),
    ).toEqual([
      'c.softConstraints.constraints["zoneBalance"]: is a hard constraint already; a constraint is either hard or soft',
    ]);
  });

  it('are refused for an expression that is not valid, with the column', () => {
    expect(problems({ expression: 'zone = "a"' })[0]).toMatch(
      /^c\.hardConstraints\.expression: column 6: expected/,
    );
    expect(problems({}, { expression: 'gpuModel == 3' })).toEqual([
      'c.softConstraints.expression: column 1: "==" compares a string with a number',
    ]);
    expect(problems({ expression: 'gpuModel == "T4" AND zoneBalance' })).toEqual([]);
  });

  it('are read without knowledge of the agents, once they were accepted', () => {
    const message = Constraints.fromPartial({ constraints: { gone: 'x' }, expression: 'gone == "x"' });
    expect(parseConstraints(message, 'c')).toMatchObject({
      set: { attributes: [{ name: 'gone', values: ['x'] }] },
    });
  });
});
