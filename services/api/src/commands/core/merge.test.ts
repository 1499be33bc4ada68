import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { mergeDescriptor } from '@berth/shared/model/submission/merge';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aDescriptor } from '../../testing/descriptors.js';

const empty = JobDescriptor.fromPartial({});
const encoded = (descriptor: JobDescriptor) => JobDescriptor.toJSON(descriptor);

describe('mergeDescriptor', () => {
  it('has the fields of the job, and the rest from the template', () => {
    const template = JobDescriptor.fromPartial({
      owner: { ownerEmail: 'a@x', teamEmail: 'team@x' },
      appName: 'web',
      labels: { tier: 'gold', team: 'ui' },
      containers: {
        main: { image: { name: 'busybox:1' }, env: { A: '1', B: '2' }, command: ['sleep', '1'] },
      },
      jobSpec: { $case: 'service', value: { instances: { min: 1, desired: 2 } } },
    });
    const own = JobDescriptor.fromPartial({
      owner: { ownerEmail: 'b@x' },
      labels: { team: 'core', extra: '' },
      containers: { main: { image: { imageId: `sha256:${'0'.repeat(64)}` }, env: { B: '' } } },
      jobSpec: { $case: 'service', value: { instances: { desired: 5 } } },
    });
    expect(encoded(mergeDescriptor(template, own))).toEqual(
      encoded(
        JobDescriptor.fromPartial({
          owner: { ownerEmail: 'b@x', teamEmail: 'team@x' },
          appName: 'web',
          labels: { tier: 'gold', team: 'core', extra: '' },
          containers: {
            main: {
              // An image is taken whole: the digest of one and the name of another would be no image.
              image: { imageId: `sha256:${'0'.repeat(64)}` },
              env: { A: '1', B: '' },
              command: ['sleep', '1'],
            },
          },
          jobSpec: { $case: 'service', value: { instances: { min: 1, desired: 5 } } },
        }),
      ),
    );
  });

  it('replaces a spec of another kind completely', () => {
    const template = JobDescriptor.fromPartial({
      jobSpec: { $case: 'service', value: { containerId: 'main' } },
    });
    const own = JobDescriptor.fromPartial({ jobSpec: { $case: 'batch', value: { runtimeLimitSecs: 5 } } });
    expect(mergeDescriptor(template, own).jobSpec).toEqual(own.jobSpec);
  });

  it('changes nothing if the template or the job is empty', () => {
    fc.assert(
      fc.property(aDescriptor, (one) => {
        expect(encoded(mergeDescriptor(empty, one))).toEqual(encoded(one));
        expect(encoded(mergeDescriptor(one, empty))).toEqual(encoded(one));
        expect(encoded(mergeDescriptor(one, one))).toEqual(encoded(one));
      }),
    );
  });

  it('is associative for descriptors of one kind', () => {
    fc.assert(
      fc.property(aDescriptor, aDescriptor, aDescriptor, (a, b, c) => {
        fc.pre(new Set([a, b, c].flatMap(({ jobSpec }) => jobSpec?.$case ?? [])).size < 2);
        const left = mergeDescriptor(mergeDescriptor(a, b), c);
        const right = mergeDescriptor(a, mergeDescriptor(b, c));
        expect(encoded(left)).toEqual(encoded(right));
      }),
    );
  });

  it("keeps every key of both maps, and prefers the job's value", () => {
    fc.assert(
      fc.property(aDescriptor, aDescriptor, (template, own) => {
        const merged = mergeDescriptor(template, own);
        expect(merged.labels).toEqual({ ...template.labels, ...own.labels });
        expect(new Set(Object.keys(merged.containers))).toEqual(
          new Set([...Object.keys(template.containers), ...Object.keys(own.containers)]),
        );
        for (const [id, container] of Object.entries(own.containers)) {
          expect(merged.containers[id]?.env).toEqual({ ...template.containers[id]?.env, ...container.env });
        }
      }),
    );
  });
});
