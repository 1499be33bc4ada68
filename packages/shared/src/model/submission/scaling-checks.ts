import type {
  Container,
  MantisJobSpec,
  ScalingPolicy,
  ServiceJobSpec,
} from '../../gen/netflix/titus/titus_job_api.js';
import { quantityOf } from '../scaling/metrics.js';
import { maxPolicies, readPolicy } from '../scaling/policy.js';
import { conditionMetrics } from '../scaling/scaled-job.js';
import { readStagePolicy } from '../scaling/stage-policy.js';
import { metricsEndpoint, metricsParameters } from '../task/task-metrics.js';
import { quote, type Refuse } from './checks.js';

/** The scaling policies of a service. Paths begin with `scalingPolices`. */
export function checkPolicies(policies: readonly ScalingPolicy[], refuse: Refuse): void {
  if (policies.length > maxPolicies)
    refuse(['scalingPolices'], `has ${policies.length} policies; at most ${maxPolicies} are allowed`);
  for (const [index, policy] of policies.slice(0, maxPolicies).entries()) {
    const read = readPolicy(policy);
    if (!('violations' in read)) continue;
    for (const { field, description } of read.violations)
      refuse(['scalingPolices', index, field], description);
  }
}

type Containers = Readonly<Record<string, Pick<Container, 'parameters'>>>;

/** Checks that a policy uses a task's own metric only if its container publishes metrics. */
export function checkPublishers(
  {
    service,
    mantis,
  }: { readonly service?: ServiceJobSpec | undefined; readonly mantis?: MantisJobSpec | undefined },
  containers: Containers,
  refuse: Refuse,
): void {
  for (const [index, policy] of (service?.scalingPolices ?? []).entries()) {
    const path = ['service', 'scalingPolices', index, 'condition'];
    checkMetrics(conditionMetrics(policy), containerFor(containers, service?.containerId), (text) =>
      refuse(path, text, 'leftOut'),
    );
  }
  for (const [index, stage] of (mantis?.stages ?? []).entries()) {
    const path = ['mantis', 'stages', index, 'autoScalingPolicy', 'strategies'];
    const metrics = readStagePolicy(stage.autoScalingPolicy)?.strategies.map(({ metric }) => metric) ?? [];
    checkMetrics(metrics, containerFor(containers, stage.containerId), (text) =>
      refuse(path, text, 'leftOut'),
    );
  }
}

function containerFor(containers: Containers, id = ''): Pick<Container, 'parameters'> | undefined {
  if (id === '') return Object.values(containers)[0];
  // A name that every object has is none of a container.
  return Object.hasOwn(containers, id) ? containers[id] : undefined;
}

function checkMetrics(
  metrics: readonly string[],
  container: Pick<Container, 'parameters'> | undefined,
  refuse: (description: string) => void,
): void {
  if (container === undefined || metricsEndpoint(container) !== undefined) return;
  for (const metric of new Set(metrics)) {
    if (quantityOf(metric) !== 'published') continue;
    refuse(
      `${quote(metric)} is not measured by agents, and the container publishes no metrics: name their port in its parameter ${metricsParameters.port}`,
    );
  }
}
