import type { ScaledInstances, ScalingExplanation } from '@berth/shared/gen/berth/v1/scaling_service';
import type { ScalingDecision } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { unboundedInstances } from '@berth/shared/model/job/job';
import { formatAge } from '../../terminal/age.js';
import type { Colorize } from '../../terminal/colors.js';
import { renderTable } from '../../terminal/table.js';

/** The number of shown decisions, the newest first. */
const shownDecisions = 10;

/** Returns the scaling policies of a service in one line; empty if it has none. */
export function policiesText(descriptor: JobDescriptor | undefined): string {
  const spec = descriptor?.jobSpec;
  if (spec?.$case !== 'service' || spec.value.scalingPolices.length === 0) return '';
  const policies = spec.value.scalingPolices.map(({ condition, action }) =>
    action === '' ? condition : `${condition}: ${action}`,
  );
  return `${policies.join('; ')}${spec.value.enabled === false ? ' (switched off)' : ''}`;
}

/** Returns the policies of a job, their measurements and their decisions. */
export function scalingLines(
  explanation: ScalingExplanation,
  colorize: Colorize,
  nowMs: number,
): readonly string[] {
  const { jobId, enabled, sets, decisions } = explanation;
  return [
    `The scaling of ${jobId} is switched ${enabled ? 'on' : 'off'}.`,
    ...sets.flatMap((set) => ['', ...setLines(set, colorize, nowMs)]),
    '',
    ...decisionLines(decisions, colorize, nowMs),
  ];
}

function setLines(set: ScaledInstances, colorize: Colorize, nowMs: number): readonly string[] {
  const { stage, instances, runningTasks, heardTasks, policies, setAtMs } = set;
  const { min = 0, max = unboundedInstances, desired = 0 } = instances ?? {};
  const most = max === unboundedInstances ? 'no maximum' : `at most ${max}`;
  const what = stage === 0 ? 'It wants' : `Stage ${stage} wants`;
  const rows = policies.map(({ condition, action, values, text }) => [
    condition,
    action,
    valuesText(values),
    text,
  ]);
  return [
    `${what} ${desired} instance${desired === 1 ? '' : 's'}, at least ${min}, ${most}; ${heardTasks} of ${runningTasks} running tasks have reported.`,
    ...(setAtMs === undefined
      ? []
      : [`A caller set its instances ${formatAge(nowMs - setAtMs)} ago, which counts as a scaling.`]),
    ...renderTable(['CONDITION', 'ACTION', 'NOW', 'WHY'], rows, colorize),
  ];
}

function decisionLines(
  decisions: readonly ScalingDecision[],
  colorize: Colorize,
  nowMs: number,
): readonly string[] {
  if (decisions.length === 0) return ['No policy has scaled it yet.'];
  const hasStages = decisions.some(({ stage }) => stage > 0);
  const rows = decisions
    .slice(-shownDecisions)
    .reverse()
    .map(({ atMs, stage, from, to, policy, values }) => [
      `${formatAge(nowMs - atMs)} ago`,
      ...(hasStages ? [String(stage)] : []),
      `${from} → ${to}`,
      policy,
      valuesText(values),
    ]);
  const headings = ['SCALED', ...(hasStages ? ['STAGE'] : []), 'INSTANCES', 'BECAUSE OF', 'AT'];
  return renderTable(headings, rows, colorize);
}

function valuesText(values: Readonly<Record<string, number>>): string {
  const texts = Object.entries(values).map(([name, value]) => `${name} ${Math.round(value * 100) / 100}`);
  return texts.length === 0 ? '-' : texts.join(', ');
}
