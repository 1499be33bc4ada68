import type { Job, JobDescriptor, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { instancesOf, unboundedInstances } from '@berth/shared/model/job/job';
import { idleLimitsOf, mantisSpec } from '@berth/shared/model/job/mantis';
import { type StageWait, stageWaits } from '@berth/shared/model/job/stage-start';
import { noStage, stageSpec, stagesOf } from '@berth/shared/model/job/stages';
import { isTerminal, State } from '@berth/shared/model/task/task-state';
import { formatSpan } from '../../terminal/age.js';
import type { Colorize } from '../../terminal/colors.js';
import { renderTable, type TableCell } from '../../terminal/table.js';
import { stateOf } from './job-facts.js';

const headings = ['STAGE', 'CONTAINER', 'RUNNING', 'MIN', 'MAX', 'SCALES BY'] as const;

/** Returns the stages of a job as a table; nothing for a job without stages. */
export function stageLines(
  descriptor: JobDescriptor | undefined,
  tasks: readonly Task[],
  colorize: Colorize,
): readonly string[] {
  const stages = descriptor === undefined ? [] : stagesOf(descriptor).filter((stage) => stage !== noStage);
  if (descriptor === undefined || stages.length === 0) return [];
  return renderTable(
    headings,
    stages.map((stage) => stageRow(descriptor, stage, tasks)),
    colorize,
  );
}

function stageRow(descriptor: JobDescriptor, stage: number, tasks: readonly Task[]): TableCell[] {
  const { min, max, desired } = instancesOf(descriptor, stage);
  const running = tasks.filter(
    (task) => task.taskContext['task.stage'] === String(stage) && stateOf(task) === State.RUNNING,
  );
  const policy = mantisSpec(descriptor)?.stages[stage - 1]?.autoScalingPolicy;
  return [
    String(stage),
    stageSpec(descriptor, stage)?.containerId || '-',
    `${running.length}/${desired}`,
    String(min),
    max === unboundedInstances ? '-' : String(max),
    Object.keys(policy?.strategies ?? {}).join(', ') || '-',
  ];
}

/** Returns a sentence for each stage that has not begun. */
export function waitSentences(job: Job, tasks: readonly Task[]): readonly string[] {
  return waitingStages(job, tasks).map(
    ({ stage, waitsFor, running, wanted }) =>
      `Stage ${stage} has not begun: it waits until all tasks of stage ${waitsFor} run (${running} of ${wanted} do), or until the time limit of the wait is over.`,
  );
}

/** Returns the stages that have not begun, with the stages that they wait for. An ended job has none. */
export function waitingStages(job: Job, tasks: readonly Task[]): readonly StageWait[] {
  const { jobDescriptor, jobState } = job;
  if (jobDescriptor === undefined || isTerminal(jobState?.state ?? State.QUEUED)) return [];
  return stageWaits(
    jobDescriptor,
    tasks.map((task) => ({
      stage: Number(task.taskContext['task.stage'] ?? noStage),
      slot: Number(task.taskContext['task.workerIndex'] ?? 0),
      isRunning: stateOf(task) === State.RUNNING,
    })),
  );
}

/** Returns the limits of a Mantis job's life, and the type that makes jobs the same. */
export function mantisFacts(
  descriptor: JobDescriptor | undefined,
): (readonly [label: string, value: string])[] {
  const sla = mantisSpec(descriptor)?.jobSLA;
  const idle = idleLimitsOf(descriptor);
  if (sla === undefined) return [];
  const { runtimeLimitSecs, userProvidedType } = sla;
  const least =
    idle === undefined || idle.minRuntimeMs === 0 ? '' : `, not before ${formatSpan(idle.minRuntimeMs)}`;
  return [
    [
      'Runtime',
      runtimeLimitSecs === 0 ? '' : `at most ${formatSpan(runtimeLimitSecs * 1000)}, from its submission`,
    ],
    [
      'Transient',
      idle === undefined
        ? ''
        : `ends ${formatSpan(idle.subscriptionTimeoutMs)} after its last subscriber${least}`,
    ],
    ['User type', userProvidedType],
  ];
}
