import type { TaskRecord, TaskReport } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { imageResolutionLabel } from '@berth/shared/model/submission/template-job';
import { launchFailure } from '@berth/shared/model/task/engine-failure';
import { confirmedFault, faultRules } from '@berth/shared/model/task/failure';

/** The earlier findings about the slot of a task. */
export interface SlotHistory {
  readonly task: TaskRecord;
  readonly descriptor: JobDescriptor | undefined;
  /** The tasks of the job. */
  readonly tasks: readonly TaskRecord[];
}

/**
 * Returns the report as the cell counts it. One agent that cannot find a registry may be wrong. Once others
 * agree, the name is wrong, and the end uses up the user's retries.
 */
export function judgedReport(report: TaskReport, { task, descriptor, tasks }: SlotHistory): TaskReport {
  if (report.fault !== 'registry') return report;
  const earlier = tasks.filter((other) => isEarlier(other, task) && lacksRegistry(other));
  const agents = new Set([...earlier, task].map(({ agentId }) => agentId)).size;
  const gatewayAgrees = /host name is (?:not known|unknown)/.test(
    descriptor?.labels[imageResolutionLabel] ?? '',
  );
  const fault = confirmedFault('registry', { agents, attempts: earlier.length + 1, gatewayAgrees });
  return fault === 'registry' ? report : { ...report, fault, code: faultRules[fault].code };
}

function isEarlier(other: TaskRecord, task: TaskRecord): boolean {
  return other.slot === task.slot && other.stage === task.stage && other.attempt < task.attempt;
}

/** The record of an ended task keeps the agent's words. */
function lacksRegistry({ task }: TaskRecord): boolean {
  return launchFailure('pull', 500, task?.state?.reason ?? '').fault === 'registry';
}
