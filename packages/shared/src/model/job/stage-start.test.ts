import { describe, expect, it } from 'vitest';
import { JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import { stageWaits } from './stage-start.js';

function pipeline(...desired: readonly number[]): JobDescriptor {
  const stages = desired.map((count) => ({ instances: { desired: count } }));
  return JobDescriptor.fromPartial({ jobSpec: { $case: 'mantis', value: { jobSLA: {}, stages } } });
}

const at = (stage: number, slot: number, isRunning: boolean) => ({ stage, slot, isRunning });

describe('the stages that wait', () => {
  it('are those without tasks after a stage that does not run completely', () => {
    expect(stageWaits(pipeline(2, 1, 3), [at(1, 0, true), at(1, 1, false)])).toEqual([
      { stage: 2, waitsFor: 1, running: 1, wanted: 2 },
      { stage: 3, waitsFor: 2, running: 0, wanted: 1 },
    ]);
  });

  it('stop waiting once they have a task in any state', () => {
    expect(stageWaits(pipeline(1, 1), [at(1, 0, false), at(2, 0, false)])).toEqual([]);
  });

  it('count each wanted index once, and no others', () => {
    const tasks = [at(1, 0, true), at(1, 0, true), at(1, 2, true)];
    expect(stageWaits(pipeline(2, 1), tasks)).toEqual([{ stage: 2, waitsFor: 1, running: 1, wanted: 2 }]);
  });

  it('are none if the first stage runs, if no task is wanted, and in jobs without stages', () => {
    expect(stageWaits(pipeline(1, 1), [at(1, 0, true)])).toEqual([]);
    expect(stageWaits(pipeline(1, 0), [])).toEqual([]);
    expect(stageWaits(pipeline(0, 1), [])).toEqual([]);
    const service = JobDescriptor.fromPartial({ jobSpec: { $case: 'service', value: {} } });
    expect(stageWaits(service, [])).toEqual([]);
  });
});
