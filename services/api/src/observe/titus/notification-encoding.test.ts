import { JobChangeNotification, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { composeJob } from '@berth/shared/model/job/job';
import { FrameWriter } from '@berth/shared/model/wire/frame-writer';
import { describe, expect, it } from 'vitest';
import { findJobWithTasks } from '../../gateway/core/job-with-tasks.js';
import { jobWrite, moveWrite, ScriptedCell, statusWrite, taskWrite } from '../../testing/scripted-cell.js';
import type { PendingMessage } from '../../tuning/encoding/pending-message.js';
import { plain, tuned } from '../../tuning/observe-tuning.js';
import { packedBatch } from '../stream/message-packing.js';
import type { JobNotification } from './core/job-notifications.js';
import { jobPacking, notificationBytes } from './notification-encoding.js';

const cell = new ScriptedCell();
const running = moveWrite(taskWrite('j.0-0').record, State.RUNNING);
cell.commit(
  jobWrite('j', { createdBy: 'ada' }),
  running,
  taskWrite('j.1-0'),
  statusWrite('j', State.RUNNING, 'normal'),
);

function viewOf(jobId: string) {
  const view = findJobWithTasks(cell, jobId);
  if (view === undefined) throw new Error('no such job');
  return view;
}

function written(message: PendingMessage): Buffer {
  const writer = new FrameWriter(Buffer.alloc(message.byteLength));
  message.writeTo(writer);
  return writer.buffer;
}

describe.each([
  ['spliced', tuned],
  ['plain', plain],
])('the %s bytes', (_, tuning) => {
  const bytesOf = (notification: JobNotification) => notificationBytes(notification, tuning.jobs);

  it('of a snapshot are the bytes of its message', () => {
    const view = viewOf('j');
    const job = composeJob(
      view.job.record,
      view.status?.record,
      view.tasks.map(({ record }) => record),
    );
    expect(JobChangeNotification.decode(written(tuning.jobs.snapshot(view, view.tasks)))).toEqual({
      notification: { $case: 'jobSnapshot', value: { job } },
    });
  });

  it('of a snapshot hold only the given tasks, and a job that no master has seen is QUEUED', () => {
    cell.commit(jobWrite('new'));
    const { notification } = JobChangeNotification.decode(written(tuning.jobs.snapshot(viewOf('new'), [])));
    expect(notification).toMatchObject({
      value: { job: { id: 'new', tasks: [], jobState: { state: State.QUEUED } } },
    });
  });

  it('of changes are the bytes of their messages', () => {
    const { job, tasks } = viewOf('j');
    const decode = (bytes: Buffer) => JobChangeNotification.decode(bytes).notification;
    expect(tasks.map((task) => decode(bytesOf({ kind: 'task', jobId: 'j', task })))).toEqual(
      tasks.map(({ record }) => ({ $case: 'taskUdate', value: { task: record.task } })),
    );
    expect(decode(bytesOf({ kind: 'definition', jobId: 'j', job, isFirst: true }))).toEqual({
      $case: 'jobDefinitionUpdate',
      value: { id: 'j', jobDescriptor: job.record.descriptor },
    });
    expect(decode(bytesOf({ kind: 'finished', jobId: 'j' }))).toEqual({
      $case: 'jobFinished',
      value: { id: 'j' },
    });
  });
});

it('the bursts of a batch are made once for all subscribers that share it', () => {
  const batch = viewOf('j').tasks.map((task) => ({ kind: 'task', jobId: 'j', task }) as const);
  const packing = jobPacking(tuned.jobs);
  const bursts = packedBatch(batch, packing, tuned);
  expect(packedBatch(batch, jobPacking(tuned.jobs), tuned)).toBe(bursts);
  const bytes = batch.map((notification) => notificationBytes(notification, tuned.jobs));
  expect(bursts.flatMap((burst) => burst.messages())).toEqual(bytes);
  expect(packedBatch(batch, jobPacking(plain.jobs), plain).map(({ count }) => count)).toEqual([1, 1]);
});
