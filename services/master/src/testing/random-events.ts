import fc from 'fast-check';
import { Simulation, type SimulationOptions } from './simulation.js';

/** Something that happens to a simulated cell. */
export type SimulatedEvent = (simulation: Simulation) => void;

/** An event that a counterexample tells by its name. */
export function named(name: string, event: SimulatedEvent): SimulatedEvent {
  return Object.assign(event, { [fc.toStringMethod]: () => name });
}

/** One of the agents of a simulation. */
export const agentIndex = fc.nat(2);

export const lose = agentIndex.map((index) =>
  named(`lose ${index}`, (simulation) => simulation.loseAgent(index)),
);
export const comeBack = agentIndex.map((index) =>
  named(`return ${index}`, (simulation) => simulation.returnAgent(index)),
);

/** Plays the events. The laws that hold after every commit are those of laws.ts. */
export function run(options: SimulationOptions, events: readonly SimulatedEvent[]): Simulation {
  const simulation = new Simulation(options);
  for (const event of events) event(simulation);
  return simulation;
}
