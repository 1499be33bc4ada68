import {
  type DeepPartial,
  JobClusterDescriptor,
  type MantisClusterSpec,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { validateJob } from '@berth/shared/model/submission/validate';
import { describe, expect, it } from 'vitest';
import { aBatchJob } from '../../testing/fixtures.js';
import { type ClusterSubmission, validateCluster } from './validate-cluster.js';

type Fields = DeepPartial<JobClusterDescriptor>;

function refused(fields: Fields, submission: ClusterSubmission = {}): string[] {
  const result = validateCluster(aCluster(fields), submission);
  return 'violations' in result ? result.violations.map(({ field }) => field) : [];
}

function aCluster(fields: Fields): JobClusterDescriptor {
  return JobClusterDescriptor.fromPartial({
    name: 'nightly',
    owner: { ownerEmail: 'ada@example.org', teamEmail: 'engines@example.org' },
    clusterSpec: { $case: 'batch', value: {} },
    ...fields,
  });
}

describe('validateCluster', () => {
  it('accepts a cluster without a template, and makes the caller the owner if it has none', () => {
    const result = validateCluster(aCluster({ owner: undefined }), { callerEmail: 'eve@example.org' });
    expect(result).toMatchObject({
      descriptor: { owner: { ownerEmail: 'eve@example.org', teamEmail: 'eve@example.org' } },
    });
  });

  it('names each violation', () => {
    expect(refused({ name: ' ', owner: undefined, clusterSpec: undefined })).toEqual([
      'name',
      'owner',
      'clusterSpec',
    ]);
    expect(refused({ owner: { ownerEmail: 'me', teamEmail: 'a@b' } })).toEqual(['owner.ownerEmail']);
    expect(refused({ name: 'n'.repeat(300) })).toEqual(['name']);
  });

  it('lets the built-in cluster have a template, but no kind of its own', () => {
    expect(refused({ clusterSpec: undefined }, { id: 'default' })).toEqual([]);
    expect(refused({}, { id: 'default' })).toEqual(['batch']);
  });

  it('accepts an incomplete template, but no wrong field in it', () => {
    expect(refused({ jobDescriptor: {} })).toEqual([]);
    expect(refused({ jobDescriptor: { containers: { main: { env: { A: '1' } } } } })).toEqual([]);
    expect(
      refused({ jobDescriptor: { jobSpec: { $case: 'batch', value: { containerId: 'main' } } } }),
    ).toEqual([]);
    const wrong = {
      labels: { Titus: '', 'berth.jobClusterId': 'x' },
      containers: { main: { resources: { cpu: 'many' }, image: { name: 'No Image' } } },
      jobSpec: { $case: 'service' as const, value: {} },
    };
    expect(refused({ jobDescriptor: wrong }).sort()).toEqual([
      'jobDescriptor.containers["main"].image.name',
      'jobDescriptor.containers["main"].resources.cpu',
      'jobDescriptor.labels["Titus"]',
      'jobDescriptor.labels["berth.jobClusterId"]',
      'jobDescriptor.service',
    ]);
  });
});

describe('a cluster with a schedule', () => {
  const whole = { containers: { main: { image: { name: 'busybox:1' } } } };
  const scheduled = (labels: Record<string, string>, template: Fields['jobDescriptor'] = whole) => ({
    jobDescriptor: { ...template, labels },
  });
  const mantis = (value: DeepPartial<MantisClusterSpec>): Fields => ({
    clusterSpec: { $case: 'mantis', value },
  });

  it('is accepted with a valid schedule and a complete template', () => {
    expect(refused(scheduled({ 'berth.cronSpec': '0 6 * * *', 'berth.cronTimeZone': 'Asia/Tokyo' }))).toEqual(
      [],
    );
    expect(refused(scheduled({ 'berth.scheduleAt': '2100-01-01T00:00:00Z' }))).toEqual([]);
  });

  it('is refused with all violations of its schedule', () => {
    const labels = { 'berth.cronSpec': 'now', 'berth.cronPolicy': 'maybe', 'berth.cronTimeZone': 'Mars' };
    expect(refused({ name: '', ...scheduled(labels) })).toEqual([
      'name',
      'jobDescriptor.labels["berth.cronSpec"]',
      'jobDescriptor.labels["berth.cronTimeZone"]',
      'jobDescriptor.labels["berth.cronPolicy"]',
    ]);
  });

  it('needs a complete template', () => {
    const labels = { 'berth.cronSpec': '@daily' };
    expect(refused(scheduled(labels, { containers: { main: {} } }))).toEqual([
      'jobDescriptor.containers["main"].image',
    ]);
    expect(refused(mantis({ min: 1 }))).toContain('jobDescriptor.containers');
    expect(refused(mantis({ min: 0 }))).toEqual([]);
  });

  it('accepts a minimum up to its maximum, and none beside a cron expression', () => {
    expect(refused(mantis({ min: 3, max: 2 }))).toEqual(['mantis.min']);
    expect(refused(mantis({ max: 0 }))).toEqual(['mantis.max']);
    expect(refused(mantis({ min: 101 }))).toEqual(['mantis.min']);
    expect(refused({ ...mantis({ min: 1, cronSpec: '@daily' }), jobDescriptor: whole })).toEqual([
      'mantis.min',
    ]);
    expect(refused(mantis({ cronSpec: 'x', cronPolicy: 'y' }))).toEqual([
      'mantis.cronSpec',
      'mantis.cronPolicy',
    ]);
  });
});

describe('a job of a cluster', () => {
  const record = (fields: Fields) => ({
    id: 'c',
    descriptor: aCluster(fields),
    enabled: true,
    createdAtMs: 1,
    scheduleSinceMs: 1,
    schedulePaused: false,
  });
  const submit = (job: ReturnType<typeof aBatchJob>, fields: Fields = {}) =>
    validateJob(job, {
      clusterId: 'c',
      findCluster: (id) => (id === 'c' ? { id, revision: 7, record: record(fields) } : undefined),
    });

  it("is complete with the template's fields", () => {
    const template = {
      appName: 'report',
      labels: { tier: 'gold' },
      containers: { main: { env: { A: '1' } } },
    };
    expect(submit(aBatchJob(), { jobDescriptor: template })).toMatchObject({
      cluster: { id: 'c', revision: 7 },
      descriptor: {
        appName: 'report',
        labels: { tier: 'gold' },
        containers: { main: { env: { A: '1' }, image: { name: 'busybox:1' } } },
      },
    });
  });

  it("must have the cluster's kind, and name exactly one existing cluster", () => {
    const fieldsOf = (result: ReturnType<typeof submit>) =>
      'violations' in result ? result.violations.map(({ field }) => field) : [];
    expect(fieldsOf(submit(aBatchJob({ jobSpec: { $case: 'service', value: {} } })))).toEqual(['service']);
    const label = { labels: { 'berth.jobClusterId': 'other' } };
    expect(fieldsOf(submit(aBatchJob(label)))).toEqual([
      'labels["berth.jobClusterId"]',
      'metadata berth.jobClusterId',
    ]);
    expect(fieldsOf(submit(aBatchJob({ labels: { 'berth.jobClusterId': 'c' } })))).toEqual([]);
  });
});
