import type { JobCluster } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Colorize } from '../../terminal/colors.js';
import type { TableCell } from '../../terminal/table.js';
import { containerFacts, type Fact, facts, ownerText, pairs, section, typeLine } from '../jobs/detail.js';

/** A cluster with facts that are not in its message. */
export interface ShownCluster {
  readonly cluster: JobCluster;
  readonly enabled: boolean;
  readonly liveJobs: number;
}

export const clusterHeadings = ['CLUSTER', 'NAME', 'TYPE', 'STATUS', 'JOBS', 'OWNER'] as const;

/** Returns the row of a cluster under {@link clusterHeadings}. */
export function clusterRow({ cluster, enabled, liveJobs }: ShownCluster): TableCell[] {
  return [
    cluster.id,
    cluster.descriptor?.name ?? '-',
    kindOf(cluster),
    statusCell(enabled),
    String(liveJobs),
    cluster.descriptor?.owner?.ownerEmail || '-',
  ];
}

/** Returns everything about a cluster as lines. */
export function clusterDetail({ cluster, enabled, liveJobs }: ShownCluster, colorize: Colorize): string[] {
  const { descriptor } = cluster;
  const list: Fact[] = [
    ['Cluster', cluster.id],
    ['Name', descriptor?.name ?? ''],
    ['Type', kindOf(cluster)],
    ['Status', statusCell(enabled)],
    ['Live jobs', String(liveJobs)],
    ['Owner', ownerText(descriptor?.owner)],
    ...limitFacts(cluster),
  ];
  return [...facts(list, colorize), ...templateLines(descriptor?.jobDescriptor, colorize)];
}

/** The limits of live jobs of a Mantis cluster, and the schedule in its own spec. */
function limitFacts({ descriptor }: JobCluster): Fact[] {
  const spec = descriptor?.clusterSpec;
  if (spec?.$case !== 'mantis') return [];
  const { min, max, cronSpec } = spec.value;
  return [
    ['Min jobs', min === 0 ? '' : String(min)],
    ['Max jobs', max === undefined ? '' : String(max)],
    ['Schedule', cronSpec],
  ];
}

function templateLines(
  template: NonNullable<JobCluster['descriptor']>['jobDescriptor'],
  colorize: Colorize,
): string[] {
  if (template === undefined) return [];
  const list: Fact[] = [
    ['Name', template.appName],
    ['Type', typeLine(template)],
    ['Owner', ownerText(template.owner)],
    ['Labels', pairs(template.labels)],
  ];
  return [
    ...section('Template', facts(list, colorize), colorize),
    ...Object.entries(template.containers).flatMap(([id, container]) =>
      section(`Container ${id} of the template`, facts(containerFacts(container), colorize), colorize),
    ),
  ];
}

function kindOf({ descriptor }: JobCluster): string {
  return descriptor?.clusterSpec?.$case ?? 'any';
}

function statusCell(enabled: boolean): TableCell {
  return enabled ? { text: 'enabled', style: 'green' } : { text: 'disabled', style: 'yellow' };
}
