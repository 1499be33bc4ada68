export { type ExplainOptions, type Explanation, explain, type Remedy } from './explain/explain.js';
export { remedyText } from './explain/explain-text.js';
export {
  anywhere,
  type PlacementSpec,
  specOf,
  specOfJob,
  specWithExpression,
} from './filters/compile-spec.js';
export { obstaclesOn } from './filters/obstacles.js';
export { Fleet } from './index/block-index.js';
export type { AgentFacts, AgentSlot } from './index/indexed-agent.js';
export { type AgentCapacity, AgentLedger, verdictOnAgent } from './ledger/agent-ledger.js';
export { type Guarantees, parseGuarantees } from './ledger/capacity-groups.js';
export { RoomSearch } from './place/capacity-probe.js';
export { recentFailureMs, refusalMs } from './place/failure-times.js';
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
} from './place/place.js';
export { loseAgents, newTasks, type PlannedTask, planTasks } from './plan/plan.js';
export type { PreemptionRules } from './preempt/preemptor.js';
export type { Aged, GroupShares, Lane } from './queue/scheduling-queue.js';
