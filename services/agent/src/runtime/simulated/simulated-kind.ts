import type { RuntimeKind } from '../contract/runtime-kind.js';
import { SimulatedEngines } from './simulated-engines.js';

/** Engines that only pretend: thousands of agents fit into one process. */
export const simulated: RuntimeKind = {
  hasManyAgents: true,
  // There is no engine to reach, so that no address can be wrong.
  acceptsAddress: () => true,
  open: ({ clock }) => new SimulatedEngines(clock),
};
