import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aService, aTask, t0 } from '../../testing/fixtures.js';
import { pickScaleDown } from './scale-down.js';

const job = aService();

const runningTasks = fc
  .array(fc.record({ agent: fc.nat(4), startedMs: fc.nat(3) }), { maxLength: 25 })
  .map((all): readonly TaskRecord[] =>
    all.map(({ agent, startedMs }, slot) =>
      aTask({
        job,
        slot,
        state: State.RUNNING,
        agentId: `a${agent}`,
        zone: `z${agent % 2}`,
        record: { runningAtMs: t0 + startedMs },
      }),
    ),
  );

/** The same rule, said plainly: count the crowds anew for each one that goes. */
function pickPlainly(tasks: readonly TaskRecord[], count: number): readonly TaskRecord[] {
  const left = [...tasks];
  const victims: TaskRecord[] = [];
  const zone = (task: TaskRecord) => task.task?.taskContext['agent.zone'];
  while (victims.length < count && left.length > 0) {
    const onAgent = (task: TaskRecord) => left.filter(({ agentId }) => agentId === task.agentId).length;
    const inZone = (task: TaskRecord) => left.filter((other) => zone(other) === zone(task)).length;
    const [next] = left.toSorted(
      (a, b) =>
        onAgent(b) - onAgent(a) || inZone(b) - inZone(a) || b.runningAtMs - a.runningAtMs || b.slot - a.slot,
    );
    if (next === undefined) break;
    left.splice(left.indexOf(next), 1);
    victims.push(next);
  }
  return victims;
}

describe('scale-down', () => {
  it('picks the same tasks as counting the crowds anew each time', () => {
    fc.assert(
      fc.property(runningTasks, fc.nat(25), (tasks, count) => {
        expect(pickScaleDown(tasks, count).map(({ slot }) => slot)).toEqual(
          pickPlainly(tasks, count).map(({ slot }) => slot),
        );
      }),
    );
  });

  it('picks the same ones first however many are to go', () => {
    fc.assert(
      fc.property(runningTasks, fc.nat(25), (tasks, count) => {
        expect(pickScaleDown(tasks, tasks.length).slice(0, count)).toEqual(pickScaleDown(tasks, count));
      }),
    );
  });
});
