import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemClock } from '@berth/shared/process/clock';

interface ChildOptions {
  /** The name for people: `redis`, `master`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's environment; an undefined value removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Receives everything that the child prints; existing content stays. */
  readonly logFile: string;
}

/** The end of a child: an exit code, or the signal that killed it. */
interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running child process of ours. */
export interface ManagedChild {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Settles once, when the process has ended; never rejects. */
  readonly exited: Promise<ChildExit>;
  /** The end of the process; undefined while it runs. */
  exit(): ChildExit | undefined;
  /** Sends SIGTERM, and SIGKILL after `graceMs`. Resolves when the process has ended; can be called again. */
  stop(graceMs: number): Promise<ChildExit>;
  /** Sends SIGKILL. Resolves when the process has ended. */
  kill(): Promise<ChildExit>;
}

/**
 * Starts a process in a session of its own. So a Ctrl-C at the terminal reaches only us, and we stop our
 * children in the right order. Rejects if the command cannot be started.
 */
export async function startChild(options: ChildOptions): Promise<ManagedChild> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  let ended: ChildExit | undefined;
  void exited.then((exit) => {
    ended = exit;
  });
  const kill = () => {
    child.kill('SIGKILL');
    return exited;
  };
  return {
    name: options.name,
    pid: child.pid ?? -1,
    logFile: options.logFile,
    exited,
    exit: () => ended,
    kill,
    async stop(graceMs) {
      child.kill('SIGTERM');
      const over = new AbortController();
      void systemClock.sleep(graceMs, over.signal).then(() => {
        if (!over.signal.aborted) void kill();
      });
      try {
        return await exited;
      } finally {
        over.abort();
      }
    },
  };
}

/** Returns the end of a child's log, to show the reason of a failed start. */
export async function logTail(logFile: string, lines = 10): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/** Describes the end of a process. */
export function describeExit(exit: ChildExit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}
