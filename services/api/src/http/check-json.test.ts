import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonViolations } from './check-json.js';
import { requestType } from './descriptors.js';

const descriptor = requestType('createJob');
const fieldsOf = (json: unknown) => jsonViolations(descriptor, json).map(({ field }) => field);

describe('the check of JSON', () => {
  it('accepts the JSON of generated messages', () => {
    const job = JobDescriptor.fromPartial({
      labels: { a: 'b' },
      containers: { main: { command: ['ls'], hardConstraints: { constraints: { uniqueHost: 'true' } } } },
      jobSpec: { $case: 'batch', value: { runtimeLimitSecs: 5, instances: { desired: 2 } } },
    });
    expect(fieldsOf(JSON.parse(JSON.stringify(JobDescriptor.toJSON(job))))).toEqual([]);
  });

  it('accepts null for unset fields, and integers as text', () => {
    expect(fieldsOf({ owner: null, batch: { runtimeLimitSecs: '9007199254740991' } })).toEqual([]);
  });

  it('refuses integers that their field cannot hold', () => {
    for (const runtimeLimitSecs of [-1, 1.5, '1e3', '9007199254740993', true, [], 'x'])
      expect(fieldsOf({ batch: { runtimeLimitSecs } })).toEqual(['batch.runtimeLimitSecs']);
  });

  it('refuses two fields of one choice', () => {
    expect(jsonViolations(descriptor, { batch: {}, service: {} })).toEqual([
      { field: 'body', description: 'has batch and service; it may have only one' },
    ]);
  });

  it('refuses a key that would be lost', () => {
    const json: unknown = JSON.parse('{ "labels": { "__proto__": "x", "team": "a" } }');
    expect(jsonViolations(descriptor, json)).toEqual([
      { field: 'labels["__proto__"]', description: 'no key may have this name' },
    ]);
  });

  it('names JSON that is no message', () => {
    for (const json of [undefined, null, 3, 'text', []]) expect(fieldsOf(json)).toEqual(['body']);
    expect(fieldsOf({ containers: { a: null, b: [] } })).toEqual(['containers["a"]', 'containers["b"]']);
  });

  it('reports a limited number of violations', () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`x${index}`, 1]));
    expect(fieldsOf(many)).toHaveLength(50);
  });

  it('refuses everything that the generated reader throws on', () => {
    const names = [
      'owner',
      'labels',
      'containers',
      'batch',
      'mantis',
      'main',
      'jobSLA',
      'durationType',
      '__proto__',
    ];
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>(null, 1, -1, 1.5, '', '7', 'Transient', true, 2 ** 60),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names, 'x'), tie('tree'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), tree), (json) => {
        if (jsonViolations(descriptor, json).length > 0) return;
        const message = JobDescriptor.fromJSON(json);
        expect(JobDescriptor.decode(JobDescriptor.encode(message).finish())).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });
});
