/*
 * The words of job.v1 in terms of Berth. A registered kind is a job cluster with a batch template. Its name
 * is the cluster's, and its instances are the cluster's jobs.
 */
import type { ClusterRecord, JobRecord } from '../../gen/berth/v1/store.js';
import { defaultClusterId, jobKind } from './job.js';

/** The label of a template that describes the kind to people. */
export const descriptionLabel = 'berth.description';

/**
 * Returns the kind that the cluster registers; undefined if it registers none. The built-in cluster never
 * does.
 */
export function registeredKind({ id, descriptor }: ClusterRecord): string | undefined {
  const template = descriptor?.jobDescriptor;
  if (id === defaultClusterId || template === undefined) return undefined;
  // A template may omit the job spec, since the cluster's spec decides the kind of its jobs.
  const spec = jobKind(template) ?? descriptor?.clusterSpec?.$case;
  return spec === 'batch' ? descriptor?.name : undefined;
}

/** True if the job is an instance of a registered kind, independent of how it was created. */
export function isInstance({ clusterId, descriptor }: JobRecord): boolean {
  return clusterId !== defaultClusterId && descriptor !== undefined && jobKind(descriptor) === 'batch';
}
