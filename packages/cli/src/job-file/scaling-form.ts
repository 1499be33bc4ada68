import { ScalingPolicy } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { policyLabels } from '@berth/shared/model/scaling/policy';
import { z } from 'zod';
import { count, duration, strict, text, textMap } from './schema-parts.js';

const policyMap = strict({
  when: text,
  do: text.default(''),
  for: duration.optional(),
  coolDown: duration.optional(),
  scaleInCoolDown: duration.optional(),
  hysteresis: count.optional(),
  labels: textMap.default({}),
});

/** A policy is a map. A condition that implies its action may be a plain text. */
const policy = z.union([text.transform((when) => policyMap.parse({ when })), policyMap], {
  error: 'must be a target such as target(CPUUtilization) = 60%, or a map with when and do',
});

/**
 * The scaling of a service in the short form: one policy or a list. docs/autoscaling.md describes the fields.
 */
export const scalingField = z
  .union([z.array(policy), policy.transform((only) => [only])], {
    error: 'must be a policy or a list of policies',
  })
  .transform((policies) => policies.map(toPolicy));

function toPolicy(given: z.output<typeof policyMap>): ScalingPolicy {
  const numbers = {
    [policyLabels.coolDown]: seconds(given.coolDown),
    [policyLabels.scaleInCoolDown]: seconds(given.scaleInCoolDown),
    [policyLabels.hysteresis]: given.hysteresis,
  };
  const set = Object.entries(numbers).filter(([, value]) => value !== undefined);
  return ScalingPolicy.fromPartial({
    condition: given.when,
    action: given.do,
    durationSecs: seconds(given.for) ?? 0,
    labels: { ...given.labels, ...Object.fromEntries(set.map(([label, value]) => [label, String(value)])) },
  });
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.ceil(ms / 1000);
}
