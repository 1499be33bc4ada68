export { type AgentCapacity, AgentLedger, verdictOnAgent } from './agent-ledger.js';
export type { AgentFacts, AgentSlot } from './agent-slot.js';
export { type Guarantees, parseGuarantees } from './capacity-groups.js';
export { type ExplainOptions, type Explanation, explain, type Remedy } from './explain.js';
export { Fleet } from './fleet.js';
export {
  classOf,
  explainUnplaced,
  isUnplaced,
  type Placement,
  type PlaceOptions,
  place,
  placeLanes,
  type QueuedTask,
  type TimesByJob,
  type Unplaced,
} from './place.js';
export { loseAgents, newTasks, type PlannedTask, planTasks } from './plan.js';
export type { PreemptionRules } from './preempt.js';
export type { Aged, GroupShares, Lane } from './queue-order.js';
export { obstaclesOn } from './reasons.js';
export { RoomSearch } from './room-search.js';
export { anywhere, type PlacementSpec, specOf, specOfJob, specWithExpression } from './spec.js';
export { recentFailureMs, refusalMs } from './times.js';
export { remedyText } from './words.js';
