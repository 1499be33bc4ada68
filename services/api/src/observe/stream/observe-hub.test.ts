import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { BerthError } from '@berth/shared/model/errors/errors';
import { silentLogger } from '@berth/shared/process/logger';
import type { Write } from '@berth/store';
import { resyncActor } from '@berth/store/replica';
import { Subject } from 'rxjs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ChangingView } from '../../gateway/views/changing-view.js';
import { jobWrite, moveWrite, ScriptedCell, statusWrite, taskWrite } from '../../testing/scripted-cell.js';
import { type JobNotification, jobNotificationsOf } from '../titus/core/job-notifications.js';
import { ObserveHub, type Subscriber } from './observe-hub.js';

class Recorder implements Subscriber<JobNotification> {
  readonly offers: (readonly JobNotification[])[] = [];
  readonly errors: BerthError[] = [];
  offer(notifications: readonly JobNotification[]): void {
    this.offers.push(notifications);
  }
  fail(error: BerthError): void {
    this.errors.push(error);
  }
}

let cell: ScriptedCell;
let changes: Subject<CommitChanges>;
let hub: ObserveHub<JobNotification>;

/** Resolves when the commit has been delivered. */
const commit = async (...writes: readonly Write[]) => changes.next(cell.commit(...writes));
const resync = async (...writes: readonly Write[]) =>
  changes.next({ ...cell.commit(...writes), actor: resyncActor });

beforeEach(() => {
  cell = new ScriptedCell();
  changes = new Subject();
  const view: ChangingView = Object.assign(cell, { changes$: changes });
  hub = new ObserveHub(
    { notificationsOf: jobNotificationsOf, topicOf: ({ jobId }) => jobId },
    view,
    silentLogger,
    64,
  );
});

describe('ObserveHub', () => {
  it('offers the same notifications to all subscribers, so that each is encoded once', async () => {
    const [a, b] = [new Recorder(), new Recorder()];
    hub.subscribeAll(a);
    hub.subscribeAll(b);
    await commit(jobWrite('job0'), taskWrite('job0.0-0'));
    expect(a.offers).toHaveLength(1);
    expect(b.offers[0]?.[1]).toBe(a.offers[0]?.[1]);
  });

  it('offers nothing to the subscriber of one job while others change', async () => {
    const [all, one] = [new Recorder(), new Recorder()];
    hub.subscribeAll(all);
    hub.subscribeTo('job1', one);
    await commit(jobWrite('job0'), taskWrite('job0.0-0'));
    expect(one.offers).toEqual([]);
    await commit(jobWrite('job1'), taskWrite('job0.1-0'), taskWrite('job1.0-0'), taskWrite('job2.0-0'));
    expect(one.offers.map((offer) => offer.map(({ kind, jobId }) => `${kind} ${jobId}`))).toEqual([
      ['definition job1', 'task job1'],
    ]);
    expect(all.offers).toHaveLength(2);
  });

  it('delivers commits that arrive at once as one batch', async () => {
    const [all, one] = [new Recorder(), new Recorder()];
    hub.subscribeAll(all);
    hub.subscribeTo('job0', one);
    await Promise.all([
      commit(jobWrite('job0')),
      commit(jobWrite('job1'), taskWrite('job0.0-0')),
      commit(taskWrite('job1.0-0')),
    ]);
    expect(all.offers.map((offer) => offer.map(({ kind, jobId }) => `${kind} ${jobId}`))).toEqual([
      ['definition job0', 'definition job1', 'task job0', 'task job1'],
    ]);
    expect(one.offers.map((offer) => offer.map(({ kind }) => kind))).toEqual([['definition', 'task']]);
  });

  it('offers a new subscriber no change that its view shows already', async () => {
    const [first, second] = [new Recorder(), new Recorder()];
    hub.subscribeAll(first);
    const delivered = commit(jobWrite('job0'));
    hub.subscribeAll(second);
    await delivered;
    expect([first.offers.length, second.offers.length]).toEqual([1, 0]);
  });

  it('offers nothing to subscribers that have left', async () => {
    const [all, one] = [new Recorder(), new Recorder()];
    const leaveAll = hub.subscribeAll(all);
    const leaveOne = hub.subscribeTo('job0', one);
    leaveAll();
    leaveOne();
    leaveOne();
    await commit(jobWrite('job0'));
    expect([all.offers, one.offers]).toEqual([[], []]);
  });

  it('serves many subscribers over several turns, and delivers later commits as one batch', async () => {
    const all = Array.from({ length: 150 }, () => new Recorder());
    for (const one of all) hub.subscribeAll(one);
    await commit(jobWrite('job0'));
    const served = () => all.filter(({ offers }) => offers.length > 0).length;
    expect(served()).toBeGreaterThan(0);
    expect(served()).toBeLessThan(all.length);
    await commit(jobWrite('job1'));
    await commit(jobWrite('job2'));
    await vi.waitFor(() => expect(all.every(({ offers }) => offers.length === 2)).toBe(true));
    for (const { offers } of all)
      expect(offers.map((offer) => offer.map(({ jobId }) => jobId))).toEqual([['job0'], ['job1', 'job2']]);
    expect(all.at(-1)?.offers[1]).toBe(all[0]?.offers[1]);
  });

  it('delivers all gathered changes before a new subscriber joins', async () => {
    const all = Array.from({ length: 150 }, () => new Recorder());
    const leave = all.map((one) => hub.subscribeAll(one));
    await commit(jobWrite('job0'));
    await commit(jobWrite('job1'));
    leave.at(-1)?.();
    const late = new Recorder();
    hub.subscribeAll(late);
    expect(all.slice(0, -1).every(({ offers }) => offers.length === 2)).toBe(true);
    expect([all.at(-1)?.offers.length, late.offers.length]).toEqual([0, 0]);
    await commit(jobWrite('job2'));
    await vi.waitFor(() => expect(late.offers).toHaveLength(1));
    expect(late.offers[0]?.map(({ jobId }) => jobId)).toEqual(['job2']);
  });

  it('delivers the result of a resynchronisation', async () => {
    const all = new Recorder();
    hub.subscribeAll(all);
    await commit(jobWrite('job0'), taskWrite('job0.0-0'));
    await resync(moveWrite(taskWrite('job0.0-0').record, State.FINISHED), jobWrite('job1'));
    expect(all.offers[1]?.map(({ kind }) => kind)).toEqual(['task', 'definition']);
    expect(all.errors).toEqual([]);
  });

  it('ends all streams if the cell was set back', async () => {
    const [all, one] = [new Recorder(), new Recorder()];
    hub.subscribeAll(all);
    hub.subscribeTo('job0', one);
    await commit(jobWrite('job0'), statusWrite('job0', State.FINISHED));
    await resync(statusWrite('job0', State.RUNNING));
    expect([...all.errors, ...one.errors].map(({ code }) => code)).toEqual(['conflict', 'conflict']);
    expect(all.offers).toHaveLength(1);
  });
});
