import {
  type DeepPartial,
  JobDescriptor,
  type MantisJobSpec,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { isLeftOut } from '@berth/shared/model/submission/descriptor-schema';
import { mergeDescriptor } from '@berth/shared/model/submission/merge';
import { descriptorIssues, validateJob } from '@berth/shared/model/submission/validate';
import { describe, expect, it } from 'vitest';

const image = { name: 'busybox:1' };
const stages = [{ containerId: 'first' }, { containerId: 'second', instances: { desired: 3 } }];

function aMantisJob(
  spec: DeepPartial<MantisJobSpec> = {},
  containers: DeepPartial<JobDescriptor>['containers'] = { first: { image }, second: { image } },
): JobDescriptor {
  const owner = { ownerEmail: 'a@b.c', teamEmail: 'd@e.f' };
  const value = { name: 'pipeline', jobSLA: {}, stages, ...spec };
  return JobDescriptor.fromPartial({ owner, containers, jobSpec: { $case: 'mantis', value } });
}

function refused(descriptor: JobDescriptor): string[] {
  const result = validateJob(descriptor, {});
  return 'violations' in result ? result.violations.map(({ field }) => field) : [];
}

describe('a Mantis job', () => {
  it('is completed stage by stage', () => {
    const result = validateJob(aMantisJob(), {});
    if ('violations' in result) throw new Error(JSON.stringify(result.violations));
    const { appName, jobSpec } = result.descriptor;
    expect(appName).toBe('mantis-job');
    expect(jobSpec?.$case === 'mantis' && jobSpec.value.stages).toMatchObject([
      { containerId: 'first', instances: { min: 0, max: 2 ** 31 - 1, desired: 1 } },
      { containerId: 'second', instances: { desired: 3 }, retryPolicy: { policy: { $case: 'immediate' } } },
    ]);
    expect(validateJob(result.descriptor, {})).toEqual(result);
  });

  it('uses its only container for stages that name none', () => {
    expect(refused(aMantisJob({ stages: [{}, {}] }, { only: { image } }))).toEqual([]);
  });

  it.each<[string, JobDescriptor, string[]]>([
    ['no name', aMantisJob({ name: '' }), ['mantis.name']],
    ['no stages', aMantisJob({ stages: [] }), ['mantis.stages']],
    [
      'too many stages',
      aMantisJob({ stages: Array.from({ length: 33 }, () => ({})) }, { only: { image } }),
      ['mantis.stages'],
    ],
    [
      'a stage whose container does not exist',
      aMantisJob({ stages: [...stages, { containerId: 'third' }] }),
      ['mantis.stages[2].containerId'],
    ],
    [
      'a stage that does not say which of several containers is its own',
      aMantisJob({ stages: [...stages, {}] }),
      ['mantis.stages[2].containerId'],
    ],
    [
      'a container that no stage uses',
      aMantisJob({ stages: [{ containerId: 'first' }] }),
      ['containers["second"]'],
    ],
    [
      'instances that contradict each other',
      aMantisJob({ stages: [stages[0] ?? {}, { containerId: 'second', instances: { min: 2, desired: 1 } }] }),
      ['mantis.stages[1].instances'],
    ],
    [
      'a retry policy beyond all bounds',
      aMantisJob({
        stages: [
          { containerId: 'first', retryPolicy: { policy: { $case: 'immediate', value: { retries: 1e6 } } } },
          { containerId: 'second' },
        ],
      }),
      ['mantis.stages[0].retryPolicy.immediate.retries'],
    ],
    [
      'a strategy that does nothing',
      aMantisJob({
        stages: [
          { containerId: 'first', autoScalingPolicy: { strategies: { CPU: {} } } },
          { containerId: 'second' },
        ],
      }),
      ['mantis.stages[0].autoScalingPolicy.strategies["CPU"]'],
    ],
    [
      'a least runtime beyond the greatest',
      aMantisJob({ jobSLA: { runtimeLimitSecs: 10, minRuntimeSecs: 20 } }),
      ['mantis.jobSLA.minRuntimeSecs'],
    ],
    ['a timeout of nothing', aMantisJob({ subscriptionTimeoutSecs: 0 }), ['mantis.subscriptionTimeoutSecs']],
    [
      'a type too long',
      aMantisJob({ jobSLA: { userProvidedType: 'x'.repeat(300) } }),
      ['mantis.jobSLA.userProvidedType'],
    ],
    ['a parameter without a name', aMantisJob({ parameters: { '': '1' } }), ['mantis.parameters[""]']],
  ])('is refused with %s', (_what, descriptor, fields) => {
    expect(refused(descriptor)).toEqual(fields);
  });

  it('has missing fields from its template, and stages as a unit', () => {
    const template = aMantisJob({ parameters: { a: '1', b: '1' }, jobSLA: { runtimeLimitSecs: 60 } });
    const own = JobDescriptor.fromPartial({
      jobSpec: { $case: 'mantis', value: { parameters: { b: '2' }, jobSLA: { durationType: 1 } } },
    });
    const { jobSpec } = mergeDescriptor(template, own);
    expect(jobSpec?.value).toMatchObject({
      name: 'pipeline',
      parameters: { a: '1', b: '2' },
      jobSLA: { runtimeLimitSecs: 60, durationType: 1 },
      stages: [{ containerId: 'first' }, { containerId: 'second' }],
    });
  });

  it('may be empty as a template', () => {
    const empty = JobDescriptor.fromPartial({ jobSpec: { $case: 'mantis', value: {} } });
    expect(descriptorIssues(empty).filter((issue) => !isLeftOut(issue))).toEqual([]);
  });
});
