/** Filters of FindJobClusters. All criteria must be met; several values of one criterion are alternatives. */
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { type ClusterView, clusterKind } from '@berth/shared/model/submission/clusters';
import { areAmong, booleanOf, type Criteria, parseCriteria, type Vocabulary } from './criteria.js';

type ClusterTest = (cluster: ClusterView) => boolean;

/** Criteria, parsed. */
interface ClusterFilter {
  readonly matches: ClusterTest;
}

const vocabulary: Vocabulary<{ readonly test: ClusterTest }> = {
  readers: {
    jobClusterIds: (ids) => ({ test: ({ id }) => ids.has(id) }),
    name: (names) => ({ test: ({ record }) => names.has(record.descriptor?.name ?? '') }),
    owner: (emails) => ({
      test: ({ record: { descriptor } }) =>
        emails.has(descriptor?.owner?.ownerEmail ?? '') || emails.has(descriptor?.owner?.teamEmail ?? ''),
    }),
    jobType: (types) =>
      areAmong(types, ['batch', 'service', 'mantis'])
        ? { test: (cluster) => types.has(clusterKind(cluster) ?? '') }
        : 'batch, service or mantis',
    enabled: (values) => {
      const isWanted = booleanOf(values);
      return isWanted === undefined ? 'true or false' : { test: ({ record }) => record.enabled === isWanted };
    },
  },
  aliases: {},
};

/** Returns the filter of these criteria, or all violations. */
export function parseClusterFilter(
  criteria: Criteria,
): { readonly filter: ClusterFilter } | { readonly violations: readonly FieldViolation[] } {
  const result = parseCriteria(criteria, vocabulary);
  if ('violations' in result) return result;
  return { filter: { matches: (cluster) => result.parsed.every(({ test }) => test(cluster)) } };
}
