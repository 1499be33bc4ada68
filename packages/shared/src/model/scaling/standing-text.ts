import type { Policy } from './policy.js';
import type { Hold, ScalingStanding, Situation } from './situation.js';

/** Returns the policy's action, as written. The action of a target is put into words. */
export function actionText(policy: Policy): string {
  return policy.kind === 'target' ? 'track the target' : policy.actionText;
}

/** The facts for a sentence on a policy's standing. */
interface StandingFacts {
  readonly policy: Policy;
  readonly hold: Hold | undefined;
  readonly situation: Situation;
  readonly to: number;
}

/** Returns the reason for the policy's standing: a phrase without a full stop. */
export function standingText(
  standing: ScalingStanding,
  { policy, hold, situation, to }: StandingFacts,
): string {
  const { instances, running, readings, nowMs, starting } = situation;
  switch (standing) {
    case 'disabled':
      return 'the scaling of this job is switched off';
    case 'unknown':
      return readings.length === 0
        ? `nothing was heard of its ${running} running tasks`
        : `too little is known: ${readings.length} of ${running} running tasks were heard of`;
    case 'notMet':
      return policy.kind === 'target' ? 'near enough to the target' : 'the condition is not met';
    case 'holding': {
      const forMs = nowMs - (hold?.sinceMs ?? nowMs);
      const needed = span(policy.durationMs);
      const held = forMs === 0 ? `met now; has to hold for ${needed}` : `met for ${span(forMs)} of ${needed}`;
      const coolMs = coolsDownForMs({ policy, situation, to });
      return coolMs > 0 ? `${held}, and cools down for another ${span(coolMs)}` : held;
    }
    case 'coolingDown':
      return `met; cools down for another ${span(coolsDownForMs({ policy, situation, to }))}`;
    case 'waiting':
      return starting > 0 && to < instances.desired
        ? `met; waits for ${starting} tasks that are starting`
        : 'met; waits for what was ordered before to run';
    case 'enough':
      return `met; ${instances.desired} instances are what it asks for`;
    case 'atBound':
      return `met; ${instances.desired} instances are as far as it may go`;
    case 'outvoted':
      return 'met; another policy that is met calls for more instances';
    case 'acting':
      return `scales from ${instances.desired} to ${to}`;
  }
}

function coolsDownForMs({ policy, situation, to }: Omit<StandingFacts, 'hold'>): number {
  const { instances, nowMs, lastActionMs } = situation;
  if (lastActionMs === undefined) return 0;
  const coolDownMs = to < instances.desired ? policy.scaleInCoolDownMs : policy.coolDownMs;
  return Math.max(0, coolDownMs - (nowMs - lastActionMs));
}

function span(ms: number): string {
  return `${Math.max(0, Math.ceil(ms / 1000))} s`;
}
