export type { AgentFacts, AgentInfo, Avoidance } from './agent/agent-info.js';
export type { EquivalenceClass } from './equivalence/equivalence-class.js';
export { type ExplainOptions, type Explanation, explain } from './explain/explain.js';
export { type Remedy, remedyText } from './explain/remedy.js';
export { specOf, specOfJob, specWithExpression } from './filters/compile-spec.js';
export type { AgentIndex } from './index/agent-index.js';
export { BlockIndex } from './index/block-index.js';
export { type AgentCapacity, AgentLedger, failureKind } from './ledger/agent-ledger.js';
export { type Guarantees, parseGuarantees } from './ledger/capacity-groups.js';
export { CapacityProbe } from './place/capacity-probe.js';
export { place, placeShards } from './place/place.js';
export {
  explainUnplaced,
  isUnplaced,
  type Placement,
  type PlaceOptions,
  recentFailureMs,
  refusalMs,
  type TimesByJob,
  type Unplaced,
} from './place/place-options.js';
export { loseAgents, newTasks, type PlannedTask, planTasks } from './plan/plan.js';
export type { PreemptionRules } from './preempt/preemption-rules.js';
export type { GroupShares } from './queue/dominant-share.js';
export type { AgedTask, QueueShard } from './queue/queue-shard.js';
export type { QueuedTask } from './request/placement-request.js';
export { anywhere, type PlacementSpec } from './request/placement-spec.js';
