import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import type { ReasonCode } from '@berth/shared/model/task/reason';
import type { ContainerStatus, RuntimeFailure } from './container.js';

/** How a task ended, before anyone asks whether it had been told to. */
export interface Outcome {
  readonly code: ReasonCode;
  /** For people. */
  readonly text: string;
  readonly exitCode?: number;
}

/**
 * The end of a container that ran, or that could not be started. `memoryLimit` is for people, as in {@link memoryLimitOf};
 * empty where there is none.
 */
export function outcomeOfContainer(container: ContainerStatus, memoryLimit = ''): Outcome {
  const { exitCode = 0, startError } = container;
  if (startError !== undefined) return { code: 'invalidRequest', text: startError };
  // The exit code decides first: an engine also speaks of lack of memory when a child was killed and the task went on.
  if (exitCode === 0) return { code: 'normal', text: '', exitCode };
  if (container.endedByEngine === true) {
    const text = `its container engine shut down or was restarted, and ended it: ${describeExit(exitCode)}`;
    return { code: 'systemError', text, exitCode };
  }
  if (container.oomKilled === true) return { code: 'oom', text: oomText(memoryLimit), exitCode };
  return { code: 'failed', text: describeExit(exitCode), exitCode };
}

/** The end of a task whose launch failed for good. */
export function outcomeOfFailure({ kind, message }: RuntimeFailure): Outcome {
  const isCallersFault = kind === 'invalid' || kind === 'notFound';
  return { code: isCallersFault ? 'invalidRequest' : 'systemError', text: message };
}

/** Whether an engine's message says that the command itself cannot be started: not there, or not executable. */
export function isCommandError(message: string): boolean {
  return commandErrors.test(message);
}

const commandErrors =
  /executable file not found|no such file or directory|permission denied|not a directory|is a directory|exec format error/i;

/** `exit code N`; for 128 + n also the name of the signal. */
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

/** What a task may have of memory, in the unit in which it was asked for; empty where it has no limit. */
export function memoryLimitOf(assignment: Pick<Assignment, 'container' | 'resources'> | undefined): string {
  const memoryMb = assignment?.resources?.memoryMb ?? 0;
  if (memoryMb === 0) return '';
  // Amounts are kept in whole MB, rounded up: of 16 MiB that would be 17 MB, which nobody asked for.
  const asked = assignment?.container?.resources.memory ?? '';
  const [, amount, unit] = /^([\d.]+) ?([A-Za-z]+)$/.exec(asked.trim()) ?? [];
  return amount === undefined ? `${memoryMb} MB` : `${amount} ${unit}`;
}

function oomText(memoryLimit: string): string {
  return memoryLimit === '' ? 'killed for want of memory' : `killed at its memory limit of ${memoryLimit}`;
}
