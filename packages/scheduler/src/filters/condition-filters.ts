import type { ConditionName } from '@berth/shared/model/expression/vocabulary';
import { type AgentFilter, type FilterRequest, type FilterRow, noObstacles, toFilter } from './filter.js';

/**
 * A row of a named condition. A job asks for it by `hardConstraints`, by `softConstraints` or in an
 * expression.
 */
export interface ConditionRow extends Omit<FilterRow, 'name' | 'obstacles' | 'appliesTo'> {
  /** The reason of its obstacle. */
  readonly reason: string;
}

/** The named conditions. A name of the vocabulary without a row does not compile. */
export const conditionRows = {
  uniqueHost: {
    reason: 'a task of this job is there (uniqueHost)',
    dependsOn: ['job', 'tasksHere'],
    cost: 'lookup',
    check: (agent, { placements }) => placements === undefined || placements.on(agent) === 0,
  },
  exclusiveHost: {
    reason: 'other tasks are there (exclusiveHost)',
    dependsOn: ['tasksHere'],
    cost: 'field',
    check: ({ bookings }) => bookings.size === 0,
    onceGone: { check: ({ tenants }) => tenants === 0, leastVictims: ({ tenants }) => tenants },
    isExclusive: true,
  },
  zoneBalance: {
    reason: 'the zone has its share (zoneBalance)',
    dependsOn: ['job', 'tasksElsewhere'],
    cost: 'lookup',
    check: ({ zone }, request) => zone !== '' && countIn(zone, request) <= leastInZone(request),
    domains: {
      of: ({ zone }) => zone,
      open: (request) => {
        const least = leastInZone(request);
        return request.usableZones().filter((zone) => countIn(zone, request) <= least);
      },
    },
  },
} as const satisfies Readonly<Record<ConditionName, ConditionRow>>;

function countIn(zone: string, { placements }: FilterRequest): number {
  return placements?.inZone(zone) ?? 0;
}

function leastInZone(request: FilterRequest): number {
  let least = Number.POSITIVE_INFINITY;
  for (const zone of request.usableZones()) least = Math.min(least, countIn(zone, request));
  return least;
}

/** The row as a filter. */
export function conditionFilter(name: string, row: ConditionRow): AgentFilter {
  const { reason, ...rest } = row;
  const obstacle = [{ reason, cause: { kind: 'condition', condition: name } }] as const;
  return toFilter({
    ...rest,
    name,
    obstacles: (agent, request) => (row.check(agent, request) ? noObstacles : obstacle),
  });
}
