import fc from 'fast-check';
import { expect, it } from 'vitest';
import { amounts } from '../testing/plain.js';
import { IndexedAgent } from './indexed-agent.js';
import { SortedAgents, start } from './sorted-agents.js';

const steps = fc.array(
  fc.record({
    which: fc.nat(),
    cpu: fc.integer({ min: 0, max: 9 }),
    kind: fc.constantFrom('change', 'leave', 'come'),
  }),
  { minLength: 200, maxLength: 400 },
);

it('has all agents in the order of their keys, whatever comes, changes and goes, and finds the first that fits', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 400 }), (script, count) => {
      const order = new SortedAgents(0, ({ free }) => free.cpuMillis);
      const agentOf = (number: number, cpu: number) =>
        new IndexedAgent({ id: `a${number}`, attributes: {}, total: amounts(cpu, 1) });
      let agents = Array.from({ length: count }, (_, number) => agentOf(number, number % 7));
      order.fill(agents);
      for (const [number, { which, cpu, kind }] of script.entries()) {
        const agent = agents[which % (agents.length || 1)];
        if (kind === 'come' || agent === undefined) {
          const added = agentOf(count + number, cpu);
          agents.push(added);
          order.insert(added);
        } else if (kind === 'leave') {
          agents = agents.filter((each) => each !== agent);
          order.remove(agent);
        } else {
          const location = order.locate(agent);
          agent.free.cpuMillis = cpu;
          order.update(agent, location);
        }
      }
      const shown: string[] = [];
      order.visit(amounts(0, 1), start, ({ id }) => shown.push(id) > 0);
      const sorted = agents.toSorted((a, b) => a.free.cpuMillis - b.free.cpuMillis || (a.id < b.id ? -1 : 1));
      expect(shown).toEqual(sorted.map(({ id }) => id));
      const found = order.findFirst(amounts(5, 1), start, () => true);
      expect(found).toBe(sorted.find(({ free }) => free.cpuMillis >= 5));
    }),
  );
});
