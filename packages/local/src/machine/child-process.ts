import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface ChildOptions {
  /** How people know it: `redis`, `master`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's environment; an undefined value removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Gets everything the child prints; it is appended to. */
  readonly logFile: string;
}

/** How a child ended: an exit code or the signal that killed it. */
export interface ChildExit {
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
  /** How it ended, or undefined while it runs. */
  exit(): ChildExit | undefined;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when the process has ended; may be called again. */
  stop(graceMs: number): Promise<ChildExit>;
  /** SIGKILL. Resolves when the process has ended. */
  kill(): Promise<ChildExit>;
}

/**
 * Starts a process in a session of its own, so that a Ctrl-C at the terminal reaches only us and we stop what we started
 * in the right order. Rejects where the command cannot be started.
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
      const timer = setTimeout(() => void kill(), graceMs);
      try {
        return await exited;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The end of a child's log, to show why it did not start. */
export async function logTail(logFile: string, lines = 10): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/** How a process ended, in words. */
export function describeExit(exit: ChildExit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}
