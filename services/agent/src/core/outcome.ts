import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import { type Fault, faultRules } from '@berth/shared/model/task/failure';
import type { ReasonCode } from '@berth/shared/model/task/reason';
import type { ContainerStatus, FailureKind, RuntimeFailure } from './container.js';

/** The end of a task, without regard to stop orders. */
export interface Outcome {
  readonly code: ReasonCode;
  /** For people. */
  readonly text: string;
  readonly exitCode?: number;
  /** Absent: the end is nobody's fault. */
  readonly fault?: Fault;
}

/**
 * Returns the outcome of a container that ran, or that could not be started. `memoryLimit` is a text for
 * people from {@link memoryLimitOf}; it may be empty.
 */
export function outcomeOfContainer(container: ContainerStatus, memoryLimit = ''): Outcome {
  const { exitCode = 0, startError } = container;
  if (startError !== undefined) return { code: faultRules.job.code, text: startError, fault: 'job' };
  // A program that handles SIGTERM ends with any exit code, also with 0. Its work is not done.
  if (container.endedByEngine === true) {
    const text = `its container engine shut down or was restarted, and ended it: ${describeExit(exitCode)}`;
    return { code: faultRules.engine.code, text, exitCode, fault: 'engine' };
  }
  // An engine also reports lack of memory if a child was killed and the task went on.
  if (exitCode === 0) return { code: 'normal', text: '', exitCode };
  if (container.oomKilled === true)
    return { code: 'oom', text: oomText(memoryLimit), exitCode, fault: 'job' };
  return { code: 'failed', text: describeExit(exitCode), exitCode, fault: 'job' };
}

/** Returns the outcome of a task whose launch failed for good. */
export function outcomeOfFailure({ kind, message, fault = faultsOfKinds[kind] }: RuntimeFailure): Outcome {
  return { code: faultRules[fault].code, text: message, fault };
}

/** The faults of failures that name none. */
const faultsOfKinds: Readonly<Record<FailureKind, Fault>> = {
  invalid: 'job',
  notFound: 'image',
  conflict: 'host',
  unavailable: 'engine',
  failed: 'engine',
};

/** Returns `exit code N`, with the signal's name for 128 + n. */
export function describeExit(exitCode: number): string {
  const signal = signalNames[exitCode - 128];
  return signal === undefined ? `exit code ${exitCode}` : `${signal} (exit code ${exitCode})`;
}

const signalNames: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  31: 'SIGSYS',
};

/** Returns a task's memory limit, in the unit of its job. Empty if it has none. */
export function memoryLimitOf(assignment: Pick<Assignment, 'container' | 'resources'> | undefined): string {
  const memoryMb = assignment?.resources?.memoryMb ?? 0;
  if (memoryMb === 0) return '';
  // Amounts are stored in whole MB, rounded up. So 16 MiB would become 17 MB, an amount that is nowhere in
  // the job.
  const asked = assignment?.container?.resources.memory ?? '';
  const [, amount, unit] = /^([\d.]+) ?([A-Za-z]+)$/.exec(asked.trim()) ?? [];
  return amount === undefined ? `${memoryMb} MB` : `${amount} ${unit}`;
}

function oomText(memoryLimit: string): string {
  return memoryLimit === ''
    ? 'killed because its memory was not enough'
    : `killed at its memory limit of ${memoryLimit}`;
}
