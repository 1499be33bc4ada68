import fc from 'fast-check';
import { expect, it } from 'vitest';
import { amounts } from '../testing/plain.js';
import { AgentSlot } from './indexed-agent.js';
import { AgentOrder, start } from './sorted-agents.js';

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
      const order = new AgentOrder(0, ({ cpu }) => cpu);
      const slotOf = (number: number, cpu: number) =>
        new AgentSlot({ id: `a${number}`, attributes: {}, total: amounts(cpu, 1) });
      let slots = Array.from({ length: count }, (_, number) => slotOf(number, number % 7));
      order.fill(slots);
      for (const [number, { which, cpu, kind }] of script.entries()) {
        const slot = slots[which % (slots.length || 1)];
        if (kind === 'come' || slot === undefined) {
          const added = slotOf(count + number, cpu);
          slots.push(added);
          order.insert(added);
        } else if (kind === 'leave') {
          slots = slots.filter((each) => each !== slot);
          order.remove(slot);
        } else {
          const seat = order.seatOf(slot);
          slot.cpu = cpu;
          order.settle(slot, seat);
        }
      }
      const shown: string[] = [];
      order.visit(amounts(0, 1), start, ({ id }) => shown.push(id) > 0);
      const sorted = slots.toSorted((a, b) => a.cpu - b.cpu || (a.id < b.id ? -1 : 1));
      expect(shown).toEqual(sorted.map(({ id }) => id));
      const found = order.findFirst(amounts(5, 1), start, () => true);
      expect(found).toBe(sorted.find(({ cpu }) => cpu >= 5));
    }),
  );
});
