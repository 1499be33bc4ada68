import {
  Job,
  JobQueryResult,
  State,
  Task,
  TaskQueryResult,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJobWithTasks, type JobWithTasks } from '../gateway/core/job-with-tasks.js';
import { jobWrite, moveWrite, ScriptedCell, statusWrite, taskWrite } from '../testing/scripted-cell.js';
import { jobShape, parseSelection, taskShape } from './core/projection.js';
import {
  answeredJob,
  encodeJob,
  encodeJobs,
  encodeTasks,
  projectedJob,
  projectedTask,
} from './job-responses.js';

const cell = new ScriptedCell();
const running = moveWrite(taskWrite('a.0-0').record, State.RUNNING);
cell.commit(jobWrite('a'), running, taskWrite('a.1-0'), statusWrite('a', State.RUNNING), jobWrite('b'));

function viewOf(id: string): JobWithTasks {
  const view = findJobWithTasks(cell, id);
  if (view === undefined) throw new Error(`there is no job ${id}`);
  return view;
}

const answered = (id: string) => answeredJob(viewOf(id));

describe('the bytes of an answer', () => {
  it("equal the message's own, for complete jobs and for foreign ones", () => {
    const pagination = {
      currentPage: { pageNumber: 0, pageSize: 3 },
      hasMore: true,
      totalPages: 2,
      totalItems: 4,
    };
    const items = [
      answered('a'),
      Job.fromPartial({ id: 'elsewhere', jobState: { state: State.FAILED } }),
      answered('b'),
    ];
    expect(items[0]?.tasks).toHaveLength(2);
    for (const result of [
      { items, pagination },
      { items: [], pagination: undefined },
    ])
      expect(encodeJobs(result)).toEqual(Buffer.from(JobQueryResult.encode(result).finish()));
    for (const job of items) expect(encodeJob(job)).toEqual(Buffer.from(Job.encode(job).finish()));
  });

  it("equal the message's own for every selection of fields of jobs and tasks", () => {
    const paths = [
      'tasks',
      'tasks.id',
      'tasks.state',
      'tasks.state.reason',
      'tasks.taskContext',
      'tasks.stateChanges',
    ];
    const others = ['jobState', 'jobDescriptor.labels', 'stateChanges', 'jobClusterId'];
    fc.assert(
      fc.property(fc.subarray([...paths, ...others]), (fields) => {
        const parsed = parseSelection(fields, jobShape);
        if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
        for (const id of ['a', 'b']) {
          const job = projectedJob(viewOf(id), parsed.selection);
          expect(Job.decode(encodeJob(job))).toEqual(Job.decode(Job.encode(job).finish()));
        }
      }),
    );
  });

  it("equal the message's own for every selection of fields of tasks alone", () => {
    const paths = ['id', 'state', 'state.reason', 'taskContext', 'stateChanges', 'stateChanges.timestamp'];
    fc.assert(
      fc.property(fc.subarray(paths), (fields) => {
        const parsed = parseSelection(fields, taskShape);
        if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
        const items = viewOf('a').tasks.flatMap((task) => projectedTask(task, parsed.selection) ?? []);
        const elsewhere = Task.fromPartial({ id: 'elsewhere', state: { state: State.FAILED } });
        const result = { items: [...items, elsewhere], pagination: undefined };
        expect(items).toHaveLength(2);
        expect(TaskQueryResult.decode(encodeTasks(result))).toEqual(
          TaskQueryResult.decode(TaskQueryResult.encode(result).finish()),
        );
      }),
    );
  });

  it('do not change stored records when a message is changed', () => {
    const [entity] = viewOf('a').tasks;
    const task = entity && projectedTask(entity, true);
    expect(task).toEqual(entity?.record.task);
    expect(task).not.toBe(entity?.record.task);
  });
});
