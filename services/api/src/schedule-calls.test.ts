import {
  ReplaceOrder,
  ScheduleServiceService as schedules,
} from '@berth/shared/gen/berth/v1/schedule_service';
import { ClusterRunsRecord, EndedRun, FireOutcome } from '@berth/shared/gen/berth/v1/store';
import {
  type DeepPartial,
  JobClusterDescriptor,
  type MantisClusterSpec,
  JobManagementServiceService as methods,
  State,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { quotaClaim } from '@berth/shared/model/job/job';
import { silentLogger } from '@berth/shared/process/logger';
import { fromServiceError } from '@berth/shared/rpc/errors/status';
import { MemoryStore } from '@berth/store/memory';
import { Replica } from '@berth/store/replica';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, RunningGateway } from './testing/running-gateway.js';
import { statusWrite } from './testing/scripted-cell.js';

let store: MemoryStore;
let gateway: RunningGateway;
let replica: Replica;

beforeEach(async () => {
  store = new MemoryStore();
  gateway = await RunningGateway.start(store);
  replica = await Replica.start(store.openLogReader(), { log: silentLogger });
});

afterEach(async () => {
  await gateway.close();
  await replica.close();
  await store.close();
});

const owner = { ownerEmail: 'ada@example.org', teamEmail: 'engines@example.org' };
const containers = { main: { image: { name: 'busybox:1' } } };
const cronLabels = { 'berth.cronSpec': '0 6 * * *', 'berth.cronTimeZone': 'Asia/Tokyo' };

function aCluster(labels: Record<string, string>, fields: DeepPartial<JobClusterDescriptor> = {}) {
  return JobClusterDescriptor.fromPartial({
    name: 'nightly',
    owner,
    clusterSpec: { $case: 'batch', value: {} },
    jobDescriptor: { labels, containers },
    ...fields,
  });
}

function aMantisCluster(value: DeepPartial<MantisClusterSpec>) {
  const stages = [{ containerId: 'main' }];
  const jobSpec = { $case: 'mantis' as const, value: { name: 'pipeline', jobSLA: {}, stages } };
  const jobDescriptor = { owner, containers, jobSpec };
  return aCluster({}, { clusterSpec: { $case: 'mantis', value }, jobDescriptor });
}

async function create(cluster: JobClusterDescriptor): Promise<string> {
  return (await gateway.call(methods.createJobCluster, cluster)).response.id;
}

/** The cluster as it is stored, once everything that was answered is in the log. */
async function stored(id: string) {
  await replica.waitFor((await store.openLogReader().head()).revision, 5_000);
  const record = replica.find('cluster', id)?.record;
  if (record === undefined) throw new Error(`there is no cluster ${id}`);
  return record;
}

async function job(id: string) {
  await replica.waitFor((await store.openLogReader().head()).revision, 5_000);
  const record = replica.find('job', id)?.record;
  if (record === undefined) throw new Error(`there is no job ${id}`);
  return record;
}

const pause = (clusterId: string) => gateway.call(schedules.pauseSchedule, { clusterId });
const resume = (clusterId: string) => gateway.call(schedules.resumeSchedule, { clusterId });
const update = (id: string, descriptor: JobClusterDescriptor) =>
  gateway.call(methods.updateJobCluster, { id, descriptor });
const enable = (id: string, enableStatus: boolean) =>
  gateway.call(methods.updateJobClusterStatus, { id, enableStatus });
const jobIn = (clusterId: string) => ({ headers: { 'berth.jobClusterId': clusterId } });
const emptyJob = { labels: {}, containers: {}, appName: '' } as never;

/** Waits for the clock to go on from that time. */
const later = (sinceMs: number) => expect.poll(() => Date.now()).toBeGreaterThan(sinceMs);

async function refused(promise: Promise<unknown>) {
  const error = await promise.then(
    () => undefined,
    (reason) => fromServiceError(reason),
  );
  if (error === undefined) throw new Error('it was not refused');
  return error;
}

describe('the schedule of a cluster', () => {
  it('is returned with its next run and its last ones', async () => {
    const clusterId = await create(aCluster({ ...cronLabels, 'berth.cronPolicy': 'KEEP_EXISTING' }));
    const run = { atMs: 1000, outcome: FireOutcome.SKIPPED, jobId: '', text: 'why' };
    const record = { clusterId, firedThroughMs: 1000, fires: [run] };
    await store.commit({ actor: 'master', writes: [{ kind: 'clusterStatus', id: clusterId, record }] });
    const { revision } = await store.openLogReader().head();
    const headers = { 'berth-min-revision': String(revision) };
    const { response } = await gateway.call(schedules.getSchedule, { clusterId }, { headers });
    expect(response.schedule).toMatchObject({
      clusterId,
      clusterName: 'nightly',
      cronSpec: '0 6 * * *',
      timeZone: 'Asia/Tokyo',
      atMs: 0,
      policy: 2,
      startingDeadlineMs: 300_000,
      paused: false,
      enabled: true,
      lastFires: [run],
    });
    const next = new Date(response.schedule?.nextFireAtMs ?? 0);
    expect([next.getUTCHours(), next.getUTCMinutes()]).toEqual([21, 0]);
  });

  it('tells the order of a replacement, and the last jobs that ended, also those that have left', async () => {
    const labels = { ...cronLabels, 'berth.cronPolicy': 'replace', 'berth.cronReplace': 'stopFirst' };
    const clusterId = await create(aCluster(labels));
    const [early, late] = (
      [
        ['failed: exit code 3', State.FAILED],
        ['normal', State.FINISHED],
      ] as const
    ).map(([reason, state], place) =>
      EndedRun.fromPartial({
        job: { id: `job-${place}`, clusterId, fireAtMs: 1000 + place },
        status: {
          jobId: `job-${place}`,
          state: { state },
          finishedAtMs: 2000 + place,
        },
        task: { task: { id: `job-${place}.0-0`, state: { state, reason } } },
      }),
    );
    const record = ClusterRunsRecord.fromPartial({
      clusterId,
      runs: [early, late].flatMap((run) => run ?? []),
    });
    await store.commit({ actor: 'master', writes: [{ kind: 'clusterRuns', id: clusterId, record }] });
    const { revision } = await store.openLogReader().head();
    const headers = { 'berth-min-revision': String(revision) };
    const { response } = await gateway.call(schedules.getSchedule, { clusterId }, { headers });
    expect(response.schedule?.replaceOrder).toBe(ReplaceOrder.STOP_FIRST);
    expect(response.schedule?.endedJobs).toMatchObject([
      { jobId: 'job-0', fireAtMs: 1000, finishedAtMs: 2000, taskReason: 'failed: exit code 3' },
      { jobId: 'job-1', fireAtMs: 1001, finishedAtMs: 2001, taskReason: 'normal' },
    ]);
  });

  it('lists the requested number of runs from the requested time', async () => {
    const clusterId = await create(aCluster(cronLabels));
    const afterMs = Date.UTC(2027, 0, 1);
    const { response } = await gateway.call(schedules.listFires, { clusterId, count: 3, afterMs });
    expect(response).toEqual({
      firesAtMs: [1, 2, 3].map((day) => Date.UTC(2027, 0, day, 21)),
      timeZone: 'Asia/Tokyo',
      idleBecause: '',
    });
    const standard = await gateway.call(schedules.listFires, { clusterId, count: 0, afterMs: 0 });
    expect(standard.response.firesAtMs).toHaveLength(10);
    expect(standard.response.firesAtMs[0]).toBeGreaterThan(Date.now());
  });

  it('is paused and resumed, from then on', async () => {
    const clusterId = await create(aCluster(cronLabels));
    const since = (await stored(clusterId)).scheduleSinceMs;
    expect((await pause(clusterId)).response.schedule).toMatchObject({ paused: true, nextFireAtMs: 0 });
    const list = await gateway.call(schedules.listFires, { clusterId, count: 1, afterMs: 0 });
    expect(list.response.idleBecause).toBe('the schedule is paused');
    expect(await stored(clusterId)).toMatchObject({ schedulePaused: true, scheduleSinceMs: since });
    await later(since);
    expect((await resume(clusterId)).response.schedule?.nextFireAtMs).toBeGreaterThan(Date.now());
    expect((await stored(clusterId)).scheduleSinceMs).toBeGreaterThan(since);
  });

  it('is missing in a cluster without one, and in an unknown cluster', async () => {
    const clusterId = await create(aCluster({}));
    for (const call of [pause(clusterId), gateway.call(schedules.getSchedule, { clusterId })])
      expect(await codeOf(call)).toBe(status.FAILED_PRECONDITION);
    expect(await codeOf(gateway.call(schedules.getSchedule, { clusterId: 'none' }))).toBe(status.NOT_FOUND);
    const many = { clusterId: '', count: 1001, afterMs: 0 };
    expect(
      (await refused(gateway.call(schedules.listFires, many))).violations.map(({ field }) => field),
    ).toEqual(['cluster_id', 'count']);
  });

  it('has no runs beyond the last calendar year', async () => {
    const clusterId = await create(aCluster({ ...cronLabels, 'berth.cronTimeZone': 'Europe/Berlin' }));
    const beyond = (afterMs: number) => gateway.call(schedules.listFires, { clusterId, count: 1, afterMs });
    for (const afterMs of [9e15, Date.UTC(10_000, 0, 1)])
      expect((await refused(beyond(afterMs))).violations.map(({ field }) => field)).toEqual(['after_ms']);
    const { response } = await beyond(Date.UTC(9999, 11, 31));
    expect(response.firesAtMs).toHaveLength(1);
  });

  it('restarts when it is changed or its cluster enabled, and continues after other changes', async () => {
    const clusterId = await create(aCluster(cronLabels));
    const since = async () => (await stored(clusterId)).scheduleSinceMs;
    const first = await since();
    await later(first);
    await update(clusterId, aCluster(cronLabels, { name: 'other' }));
    await update(clusterId, aCluster({ ...cronLabels, 'berth.cronPolicy': 'forbid' }));
    expect(await since()).toBe(first);
    await update(clusterId, aCluster({ ...cronLabels, 'berth.cronSpec': '0 7 * * *' }));
    const second = await since();
    expect(second).toBeGreaterThan(first);
    await enable(clusterId, false);
    expect(await since()).toBe(second);
    await later(second);
    await enable(clusterId, true);
    expect(await since()).toBeGreaterThan(second);
  });

  it('is refused with all its violations, and if its only time has passed', async () => {
    const wrong = aCluster({ 'berth.cronSpec': '0 0 30 2 *', 'berth.startingDeadlineSecs': 'x' });
    expect((await refused(create(wrong))).violations.map(({ field }) => field)).toEqual([
      'jobDescriptor.labels["berth.cronSpec"]',
      'jobDescriptor.labels["berth.startingDeadlineSecs"]',
    ]);
    const past = aCluster({ 'berth.scheduleAt': '2001-01-01T00:00:00Z' });
    expect((await refused(create(past))).message).toContain('has passed already');
    const clusterId = await create(aCluster({}));
    expect((await refused(update(clusterId, past))).violations[0]?.field).toBe(
      'descriptor.jobDescriptor.labels["berth.scheduleAt"]',
    );
  });
});

describe('a Mantis cluster', () => {
  it('is enabled as its descriptor says, and its descriptor follows', async () => {
    const id = await create(aMantisCluster({ enabled: false }));
    expect((await stored(id)).enabled).toBe(false);
    await enable(id, true);
    const record = await stored(id);
    expect([record.enabled, record.descriptor?.clusterSpec?.value]).toMatchObject([true, { enabled: true }]);
    await update(id, aMantisCluster({ enabled: false }));
    expect((await stored(id)).enabled).toBe(false);
    // An update without the field keeps its value.
    await update(id, aMantisCluster({}));
    const same = await stored(id);
    expect([same.enabled, same.descriptor?.clusterSpec?.value]).toMatchObject([false, { enabled: false }]);
  });

  it('follows its descriptor after an interrupted removal left it disabled', async () => {
    const id = await create(aMantisCluster({}));
    const record = await stored(id);
    expect(record.descriptor?.clusterSpec?.value).toMatchObject({ enabled: true });
    const disabled = { kind: 'cluster' as const, id, record: { ...record, enabled: false } };
    await store.commit({ actor: 'gateway', writes: [disabled] });
    const { revision } = await store.openLogReader().head();
    const headers = { 'berth-min-revision': String(revision) };
    const descriptor = aMantisCluster({ enabled: true });
    await gateway.call(methods.updateJobClusterStatus, { id, enableStatus: false }, { headers });
    const off = await stored(id);
    expect([off.enabled, off.descriptor?.clusterSpec?.value]).toMatchObject([false, { enabled: false }]);
    await store.commit({ actor: 'gateway', writes: [disabled] });
    const again = { 'berth-min-revision': String((await store.openLogReader().head()).revision) };
    await gateway.call(methods.updateJobCluster, { id, descriptor }, { headers: again });
    expect((await stored(id)).enabled).toBe(true);
  });

  it('takes jobs up to its maximum, and the next when one has ended', async () => {
    const id = await create(aMantisCluster({ max: 2 }));
    const first = await gateway.create(emptyJob, jobIn(id));
    await gateway.create(emptyJob, jobIn(id));
    const error = await refused(gateway.create(emptyJob, jobIn(id)));
    expect(error).toMatchObject({
      code: 'resourceExhausted',
      message: `Job cluster ${id} has as many live jobs as its maximum allows, 2; one has to end first.`,
    });
    const held = (await job(first)).clusterPlace ?? 0;
    await store.commit({
      actor: 'master',
      writes: [statusWrite(first, State.FINISHED, 'killed')],
      releaseClaims: [{ name: quotaClaim({ clusterId: id, clusterPlace: held }) ?? '', owner: first }],
    });
    await expect
      .poll(() =>
        gateway.create(emptyJob, jobIn(id)).then(
          () => 'taken',
          () => 'refused',
        ),
      )
      .toBe('taken');
  });

  it('must be disabled before its removal if it keeps a minimum', async () => {
    const id = await create(aMantisCluster({ min: 1 }));
    await gateway.create(emptyJob, jobIn(id));
    await expect(gateway.call(methods.removeJobCluster, { id })).rejects.toThrow(/disable it first/);
  });

  it('accepts no more than its maximum through several gateways at once', async () => {
    const other = await RunningGateway.start(store);
    try {
      const id = await create(aMantisCluster({ max: 3 }));
      await other.call(methods.findJobCluster, { id }, { headers: { 'berth-min-revision': '1' } });
      const calls = Array.from({ length: 12 }, (_, index) =>
        (index % 2 === 0 ? gateway : other).create(emptyJob, jobIn(id)).then(
          () => 'OK',
          (error) => status[error.code] ?? '',
        ),
      );
      const outcomes = await Promise.all(calls);
      expect(outcomes.filter((outcome) => outcome === 'OK')).toHaveLength(3);
      expect(new Set(outcomes)).toEqual(new Set(['OK', 'RESOURCE_EXHAUSTED']));
    } finally {
      await other.close();
    }
  });

  it('returns the first job for a repeated request, though that job has filled the cluster', async () => {
    const id = await create(aMantisCluster({ max: 1 }));
    const headers = { ...jobIn(id).headers, 'idempotency-key': 'k' };
    const first = await gateway.create(emptyJob, { headers });
    expect(await gateway.create(emptyJob, { headers })).toBe(first);
    expect(await codeOf(gateway.create(emptyJob, { headers: { ...headers, 'idempotency-key': 'l' } }))).toBe(
      status.RESOURCE_EXHAUSTED,
    );
  });
});
