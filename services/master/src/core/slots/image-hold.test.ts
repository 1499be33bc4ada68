import type { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { imageDigestKey } from '@berth/shared/model/submission/image-pins';
import { describe, expect, it } from 'vitest';
import { aJob, aMantisJob, aService, second, t0 } from '../../testing/fixtures.js';
import { initialStatus } from '../reconcile/job-status.js';
import { newTask } from '../task/new-task.js';
import { pinnedByTasks, resolvedBy } from '../task/pin-images.js';
import { imageHold, withImageWait } from './image-hold.js';

const name = 'reg.test/team/app:1';
const digest = `sha256:${'a'.repeat(64)}`;

function withImage(job: JobRecord, image: { name: string; imageId?: string }): JobRecord {
  for (const container of Object.values(job.descriptor?.containers ?? {}))
    container.image = { imageId: '', ...image };
  return job;
}

const tagged = (job: JobRecord = aService({ desired: 3 })) => withImage(job, { name });

/** The first task of the job, that runs with this digest, or with none. */
function running(job: JobRecord, known?: string, stage = 0): TaskRecord {
  const task = newTask(job, { stage, slot: 0, attempt: 0, userRetries: 0, systemRetries: 0 }, t0);
  if (task.task !== undefined && known !== undefined) task.task.taskContext[imageDigestKey] = known;
  return { ...task, runningAtMs: t0 + second };
}

const budgets = (job: JobRecord, tasks: readonly TaskRecord[] = [], nowMs = t0) =>
  Object.fromEntries(imageHold(job, tasks, nowMs).budgets);

describe('a job whose image has no digest', () => {
  it('waits for the leader until its time is over, and says so', () => {
    const job = { ...tagged(), resolveImagesUntilMs: t0 + 10 * second };
    const hold = imageHold(job, [], t0);
    expect(hold).toMatchObject({ untilMs: t0 + 10 * second, text: expect.stringContaining(name) });
    expect(budgets(job)).toEqual({ 0: 0 });
    const status = withImageWait(initialStatus(job), hold);
    expect(status.state?.reason).toBe(hold.text);
    expect(withImageWait(status, imageHold({ ...aService() }, [], t0)).state?.reason).toBe('');
    expect(budgets(job, [], t0 + 10 * second)).toEqual({ 0: 1 });
  });

  it('begins one task, and the others once that has pinned the image', () => {
    const job = tagged();
    expect(budgets(job)).toEqual({ 0: 1 });
    const task = running(job, digest);
    expect(budgets(job, [task])).toEqual({ 0: 0 });
    const pinned = pinnedByTasks(job, [task]);
    expect(pinned?.descriptor?.containers.main?.image).toEqual({ name, imageId: digest });
    expect(budgets(pinned ?? job, [task])).toEqual({});
  });

  it('begins all tasks if the engine of the first knows no digest: the image is local', () => {
    const job = tagged();
    expect(budgets(job, [running(job)])).toEqual({});
    expect(pinnedByTasks(job, [running(job, 'sha256:short')])).toBeUndefined();
  });

  it('begins one task for each image, not for each stage', () => {
    const job = tagged(aMantisJob({ stages: [0, 2, 2] }));
    expect(budgets(job)).toEqual({ 2: 1, 3: 0 });
    expect(budgets(job, [running(job, digest, 2)])).toEqual({ 2: 0, 3: 0 });
  });

  it.each([
    { name: 'busybox:1' },
    { name: 'team/app:1' },
    { name: `${name.split(':')[0]}@${digest}` },
    { name, imageId: digest },
  ])('does not wait if it is $name', (image) => {
    expect(budgets(withImage(aJob({ desired: 3 }), image))).toEqual({});
  });
});

describe('the resolution of the leader', () => {
  it('gives the job its digest, or the reason, and ends the wait once', () => {
    const job = { ...tagged(), resolveImagesUntilMs: t0 };
    const answer = withImage(aService(), { name, imageId: digest }).descriptor;
    const found = answer && resolvedBy(job, answer);
    expect(found?.descriptor?.containers.main?.image?.imageId).toBe(digest);
    expect(found?.resolveImagesUntilMs).toBeUndefined();
    const failed = resolvedBy(job, 'skipped: it did not answer');
    expect(failed?.descriptor?.labels).toEqual({ 'berth.imageResolution': 'skipped: it did not answer' });
    expect(failed && resolvedBy(failed, 'skipped: again')).toBeUndefined();
  });
});
