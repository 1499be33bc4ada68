import { AgentLedger } from '@berth/scheduler';
import { AgentState, type TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isAgentAlive } from '@berth/shared/model/cell/agent';
import { subtractResources, zeroResources } from '@berth/shared/model/resources/vector';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, State } from '@berth/shared/model/task/task-state';
import type { Write } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { Replica } from '@berth/store/replica';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aJob, anAgent, anAgentStatus, aTask } from '../testing/fixtures.js';
import { VirtualClock } from '../testing/virtual-clock.js';

const agentIds = ['agent-0', 'agent-1', 'agent-2'];
const states = [State.QUEUED, State.DISPATCHED, State.STARTING, State.RUNNING, State.FINISHED, State.FAILED];
const jobs = ['1', '0.25'].map((cpu, index) =>
  aJob({ id: `job-${index}`, resources: { cpu, ports: index === 0 ? '80' : '' } }),
);

const taskWrite = fc
  .record({
    job: fc.constantFrom(...jobs),
    slot: fc.nat(4),
    state: fc.constantFrom(...states),
    agentId: fc.constantFrom(...agentIds),
  })
  .map((options): Write => {
    const task = aTask(options);
    return { kind: 'task', id: taskIdOf(task), record: task };
  });
const taskRemoval = fc
  .tuple(fc.constantFrom(...jobs), fc.nat(4))
  .map(([job, slot]): Write => ({ kind: 'task', id: taskIdOf(aTask({ job, slot })) }));
const agentWrite = fc
  .tuple(fc.constantFrom(...agentIds), fc.integer({ min: 1, max: 9 }))
  .map(([id, cores]): Write => ({ kind: 'agent', id, record: anAgent({ id, cpuMillis: cores * 1000 }) }));
const statusWrite = fc
  .tuple(fc.constantFrom(...agentIds), fc.constantFrom(AgentState.ALIVE, AgentState.LOST))
  .map(([id, state]): Write => ({ kind: 'agentStatus', id, record: anAgentStatus(id, state) }));

const commits = fc.array(
  fc.uniqueArray(fc.oneof(taskWrite, taskWrite, taskWrite, taskRemoval, agentWrite, statusWrite), {
    selector: ({ kind, id }) => `${kind}/${id}`,
    minLength: 1,
    maxLength: 6,
  }),
  { maxLength: 15 },
);

/** The free capacity of each live agent, counted from the replica alone. */
function recount(replica: Replica) {
  const live = [...replica.all('agent')].filter(({ id }) => isAgentAlive(replica, id));
  return live.map(({ id, record }) => {
    const total = record.capacity ?? zeroResources();
    return {
      id,
      total,
      free: tasksOn(replica, id).reduce(
        (free, task) => subtractResources(free, task.resources ?? zeroResources()),
        total,
      ),
    };
  });
}

function tasksOn(replica: Replica, agentId: string): readonly TaskRecord[] {
  return [...replica.all('task')]
    .map(({ record }) => record)
    .filter((task) => task.agentId === agentId && isTaskLive(task));
}

describe('the agent ledger', () => {
  it('always equals a recount of the replica, whatever is committed', async () => {
    await fc.assert(
      fc.asyncProperty(commits, fc.nat(15), async (all, begin) => {
        const store = new MemoryStore({ clock: new VirtualClock() });
        const replica = await Replica.start(store.openLogReader());
        let ledger: AgentLedger | undefined;
        replica.changes$.subscribe(({ changes }) => {
          for (const change of changes)
            if (change.kind === 'task') ledger?.update(change.before?.record, change.after?.record);
            else if (change.kind === 'agent' || change.kind === 'agentStatus') ledger?.updateAgent(change.id);
        });
        for (const [index, writes] of all.entries()) {
          // A new leader's ledger begins in the middle of things.
          if (index === begin) ledger = new AgentLedger(replica);
          const result = await store.commit({ actor: 'test', writes });
          if (result.ok) await replica.waitFor(result.revision, 1000);
        }
        ledger ??= new AgentLedger(replica);
        expect(ledger.capacities()).toEqual(recount(replica));
        for (const agentId of agentIds) {
          expect([...ledger.jobsOn(agentId)].toSorted()).toEqual(
            [...new Set(tasksOn(replica, agentId).map(({ jobId }) => jobId))].toSorted(),
          );
        }
        await replica.close();
        await store.close();
      }),
    );
  });
});
