/** The words under which an index lists a job, and the lists that a filter may choose from. */
import { jobKind, jobState } from '@berth/shared/model/job/job';
import { preferencesOf } from '@berth/shared/model/job/placement-preferences';
import { parseImageRef } from '@berth/shared/model/submission/image-ref';
import type { JobWithTasks } from './job-with-tasks.js';

/** One word: a name and a value. */
export const term = {
  cluster: (id: string) => `cluster ${id}`,
  appName: (name: string) => `app ${name}`,
  owner: (email: string) => `owner ${email}`,
  kind: (kind: string) => `kind ${kind}`,
  stack: (stack: string) => `stack ${stack}`,
  detail: (detail: string) => `detail ${detail}`,
  sequence: (sequence: string) => `sequence ${sequence}`,
  capacityGroup: (group: string) => `group ${group}`,
  imageName: (name: string) => `image ${name}`,
  imageTag: (tag: string) => `tag ${tag}`,
  label: (key: string) => `label ${key}`,
  labelValue: (key: string, value: string) => `label ${JSON.stringify([key, value])}`,
  state: (state: number) => `state ${state}`,
  taskState: (state: number) => `task ${state}`,
} as const;

/** The words of what a caller wants of the job. They change with its descriptor only. */
export function descriptorTerms({ record }: JobWithTasks['job']): readonly string[] {
  const { descriptor, clusterId } = record;
  if (descriptor === undefined) return [term.cluster(clusterId)];
  const { owner, appName, jobGroupInfo, labels, containers } = descriptor;
  return [
    term.cluster(clusterId),
    term.appName(appName),
    term.kind(jobKind(descriptor) ?? ''),
    ...(owner === undefined ? [] : [term.owner(owner.ownerEmail), term.owner(owner.teamEmail)]),
    term.capacityGroup(preferencesOf(descriptor).capacityGroup),
    ...(jobGroupInfo === undefined
      ? []
      : [
          term.stack(jobGroupInfo.stack),
          term.detail(jobGroupInfo.detail),
          term.sequence(jobGroupInfo.sequence),
        ]),
    ...Object.entries(labels).flatMap(([key, value]) => [term.label(key), term.labelValue(key, value)]),
    ...Object.values(containers).flatMap(({ image }) => [
      ...imageNames(image?.name ?? '').map(term.imageName),
      term.imageTag(imageTag(image?.name ?? '')),
    ]),
  ];
}

/** The word of how the job stands. */
export function stateTerm(status: JobWithTasks['status']): string {
  return term.state(jobState(status?.record));
}

/** The names by which an image can be asked for: as it was given, and without tag and digest. */
export function imageNames(name: string): readonly string[] {
  const repository = parseImageRef(name)?.repository;
  return name === '' ? [] : repository === undefined || repository === name ? [name] : [name, repository];
}

/** The tag of the image that is called so; empty where its name has none. */
export function imageTag(name: string): string {
  return parseImageRef(name)?.tag ?? '';
}
