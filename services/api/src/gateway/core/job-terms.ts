/** The words under which an index lists a job. A filter chooses among their lists. */
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

/** Returns the words of a job's descriptor. Only a change of the descriptor changes them. */
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

/** Returns the word of the job's state. */
export function stateTerm(status: JobWithTasks['status']): string {
  return term.state(jobState(status?.record));
}

/** Returns the names that find an image: the given one, and the one without tag and digest. */
export function imageNames(name: string): readonly string[] {
  const repository = parseImageRef(name)?.repository;
  return name === '' ? [] : repository === undefined || repository === name ? [name] : [name, repository];
}

/** Returns the tag of an image name; empty if it has none. */
export function imageTag(name: string): string {
  return parseImageRef(name)?.tag ?? '';
}
