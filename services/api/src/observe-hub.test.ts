import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CommitChanges } from '@berth/shared/model/change';
import type { BerthError } from '@berth/shared/model/errors';
import { silentLogger } from '@berth/shared/process/logger';
import { resyncActor } from '@berth/shared/store/replica';
import type { Write } from '@berth/shared/store/store';
import { Subject } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Notification } from './core/observe.js';
import { type ChangingView, ObserveHub, type Subscriber } from './observe-hub.js';
import { jobWrite, moveWrite, ScriptedCell, statusWrite, taskWrite } from './testing/scripted-cell.js';

class Recorder implements Subscriber {
  readonly offers: (readonly Notification[])[] = [];
  readonly errors: BerthError[] = [];
  offer(notifications: readonly Notification[]): void {
    this.offers.push(notifications);
  }
  fail(error: BerthError): void {
    this.errors.push(error);
  }
}

let cell: ScriptedCell;
let changes: Subject<CommitChanges>;
let hub: ObserveHub;

const commit = (...writes: readonly Write[]) => changes.next(cell.commit(...writes));
const resync = (...writes: readonly Write[]) =>
  changes.next({ ...cell.commit(...writes), actor: resyncActor });

beforeEach(() => {
  cell = new ScriptedCell();
  changes = new Subject();
  const view: ChangingView = Object.assign(cell, { changes$: changes });
  hub = new ObserveHub(view, silentLogger);
});

describe('ObserveHub', () => {
  it('hands the same notifications to all, so that each is encoded once', () => {
    const [a, b] = [new Recorder(), new Recorder()];
    hub.subscribeAll(a);
    hub.subscribeAll(b);
    commit(jobWrite('job0'), taskWrite('job0.0-0'));
    expect(a.offers).toHaveLength(1);
    expect(b.offers[0]?.[1]).toBe(a.offers[0]?.[1]);
  });

  it('leaves the subscriber of one job alone while others change', () => {
    const [all, one] = [new Recorder(), new Recorder()];
    hub.subscribeAll(all);
    hub.subscribeJob('job1', one);
    commit(jobWrite('job0'), taskWrite('job0.0-0'));
    expect(one.offers).toEqual([]);
    commit(jobWrite('job1'), taskWrite('job0.1-0'), taskWrite('job1.0-0'), taskWrite('job2.0-0'));
    expect(one.offers.map((offer) => offer.map(({ kind, jobId }) => `${kind} ${jobId}`))).toEqual([
      ['definition job1', 'task job1'],
    ]);
    expect(all.offers).toHaveLength(2);
  });

  it('tells nothing to those who have left', () => {
    const [all, one] = [new Recorder(), new Recorder()];
    const leaveAll = hub.subscribeAll(all);
    const leaveOne = hub.subscribeJob('job0', one);
    leaveAll();
    leaveOne();
    leaveOne();
    commit(jobWrite('job0'));
    expect([all.offers, one.offers]).toEqual([[], []]);
  });

  it('tells what a resynchronisation has found', () => {
    const all = new Recorder();
    hub.subscribeAll(all);
    commit(jobWrite('job0'), taskWrite('job0.0-0'));
    resync(moveWrite(taskWrite('job0.0-0').record, State.FINISHED), jobWrite('job1'));
    expect(all.offers[1]?.map(({ kind }) => kind)).toEqual(['task', 'definition']);
    expect(all.errors).toEqual([]);
  });

  it('ends all streams where the cell was set back', () => {
    const [all, one] = [new Recorder(), new Recorder()];
    hub.subscribeAll(all);
    hub.subscribeJob('job0', one);
    commit(jobWrite('job0'), statusWrite('job0', State.FINISHED));
    resync(statusWrite('job0', State.RUNNING));
    expect([...all.errors, ...one.errors].map(({ code }) => code)).toEqual(['conflict', 'conflict']);
    expect(all.offers).toHaveLength(1);
  });
});
