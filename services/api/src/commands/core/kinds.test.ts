import { ClusterRecord, type DeepPartial } from '@berth/shared/gen/berth/v1/store';
import { ScheduleJobRequest } from '@berth/shared/gen/job/v1/job_service';
import { BerthError } from '@berth/shared/model/errors/errors';
import { allClusters, type ClusterView, clusterOf } from '@berth/shared/model/submission/clusters';
import { describe, expect, it } from 'vitest';
import {
  composeKind,
  kindsOf,
  maxRequestPriority,
  requireKind,
  scheduledDescriptor,
  scheduleViolations,
} from './kinds.js';

type Template = NonNullable<DeepPartial<ClusterRecord>['descriptor']>['jobDescriptor'];

const template: Template = {
  containers: { main: { image: { name: 'busybox:1' }, command: ['echo', 'hello'] } },
  jobSpec: { $case: 'batch', value: {} },
};

function cluster(name: string, jobDescriptor: Template = template, id = `id-of-${name}`): ClusterView {
  const clusterSpec = { $case: 'batch' as const, value: {} };
  const record = ClusterRecord.fromPartial({
    id,
    descriptor: { name, clusterSpec, ...(jobDescriptor && { jobDescriptor }) },
    createdAtMs: 1_500,
  });
  return { id, revision: 1, record };
}

function failure(name: string, ...clusters: readonly ClusterView[]): BerthError {
  try {
    requireKind(kindsOf(clusters), name);
  } catch (error) {
    if (error instanceof BerthError) return error;
  }
  throw new Error('it was found');
}

describe('a registered kind', () => {
  it('is the name of a cluster with a batch template', () => {
    const bare = {
      ...cluster('bare'),
      record: ClusterRecord.fromPartial({ id: 'b', descriptor: { name: 'bare' } }),
    };
    const service = cluster('web', { jobSpec: { $case: 'service', value: {} } });
    const left = cluster('left-open', { containers: {} });
    const names = kindsOf([cluster('email'), bare, service, left]).map(({ name }) => name);
    expect(names).toEqual(['email', 'left-open']);
  });

  it('is never the built-in cluster', () => {
    const own = cluster('default', template, 'default');
    expect(
      kindsOf(
        allClusters({ revision: 1, find: () => undefined, all: () => [], count: () => 0, tasksOf: () => [] }),
      ),
    ).toEqual([]);
    expect(kindsOf([own])).toEqual([]);
    expect(clusterOf({ find: () => undefined }, 'default')?.id).toBe('default');
  });

  it('that is unknown is an error that names a similar kind, or all kinds', () => {
    expect(failure('emial', cluster('email'), cluster('report'))).toMatchObject({
      code: 'notFound',
      message: 'There is no registered kind "emial"; did you mean "email"?',
    });
    expect(failure('backup', cluster('email'), cluster('report')).message).toBe(
      'There is no registered kind "backup"; known are "email", "report".',
    );
    expect(failure('email').message).toContain('no job cluster has a batch template');
  });

  it('that several clusters register is an error that names them', () => {
    const { code, message } = failure(
      'email',
      cluster('email', template, 'a'),
      cluster('email', template, 'b'),
    );
    expect([code, message]).toEqual(['failedPrecondition', expect.stringContaining('"email": a, b.')]);
  });

  it('has its description, its schedule and its time of creation', () => {
    const labels = { 'berth.description': 'sends mail', 'berth.cronSpec': '0 6 * * *' };
    const [kind] = kindsOf([cluster('email', { ...template, labels })]);
    expect(kind && composeKind(kind)).toEqual({
      kind: 'email',
      description: 'sends mail',
      registeredAt: { seconds: 1, nanos: 500_000_000 },
      cronSpec: '0 6 * * *',
    });
    const [once] = kindsOf([
      cluster('once', { ...template, labels: { 'berth.scheduleAt': '2027-01-31T06:00:00Z' } }),
    ]);
    expect(once && composeKind(once)).toMatchObject({
      scheduleAt: { seconds: Date.UTC(2027, 0, 31, 6) / 1000 },
    });
  });
});

describe('a scheduled job', () => {
  const made = (fields: Partial<ScheduleJobRequest>, of = cluster('email')) =>
    scheduledDescriptor(of, ScheduleJobRequest.fromPartial({ kind: 'email', ...fields }));
  const priorityOf = (priority: number | undefined, of?: ClusterView) =>
    made(priority === undefined ? {} : { priority }, of).labels['berth.priority'];

  it("has the arguments after its template's command, and the rest from the template", () => {
    expect(made({ arguments: ['to', 'ada'] })).toMatchObject({
      labels: { 'berth.jobClusterId': 'id-of-email' },
      containers: { main: { command: ['echo', 'hello', 'to', 'ada'], entryPoint: [], env: {} } },
      jobSpec: { $case: 'batch' },
    });
    expect(made({}).containers).toEqual({});
  });

  it('has the owner of its template, else that of its cluster', () => {
    const owner = { ownerEmail: 'ada@example.org', teamEmail: 'team@example.org' };
    const of = cluster('email', { ...template, owner: { ownerEmail: 'bob@example.org' } });
    const owned = {
      ...of,
      record: ClusterRecord.fromPartial({ ...of.record, descriptor: { ...of.record.descriptor, owner } }),
    };
    expect(made({}, owned).owner).toEqual({ ownerEmail: 'bob@example.org', teamEmail: 'team@example.org' });
  });

  it('runs earlier with a lower priority, and has the priority 5 by default', () => {
    expect(priorityOf(undefined)).toBeUndefined();
    expect(priorityOf(-1)).toBeUndefined();
    expect([0, 5, 10, maxRequestPriority].map((priority) => priorityOf(priority))).toEqual([
      '5',
      '0',
      '-5',
      '-995',
    ]);
  });

  it('counts its priority from that of its template, within the limits of placement', () => {
    const urgent = cluster('email', { ...template, labels: { 'berth.priority': '998' } });
    expect([0, 4, 6].map((priority) => priorityOf(priority, urgent))).toEqual(['1000', '999', '997']);
  });

  it('is refused without a kind, and with an impossible priority', () => {
    const refused = (fields: Partial<ScheduleJobRequest>) =>
      scheduleViolations(ScheduleJobRequest.fromPartial(fields)).map(({ field }) => field);
    expect(refused({ priority: -2 })).toEqual(['kind', 'priority']);
    expect(refused({ kind: 'email', priority: maxRequestPriority + 1 })).toEqual(['priority']);
    expect(refused({ kind: 'email', priority: -1 })).toEqual([]);
  });
});
