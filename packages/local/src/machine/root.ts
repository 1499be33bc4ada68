import type { Progress } from '../output/progress.js';
import type { CommandResult } from './command.js';
import { findOnPath, runChecked, runCommand } from './command.js';

/** Runs commands that need root: directly as root, otherwise through sudo. */
export interface Root {
  /** The words before a command that make it run as root; empty if we are root. */
  readonly prefix: readonly string[];
  /** Runs a command as root. Rejects with a `CommandError` if its exit code is not 0. */
  run(command: string, args: readonly string[]): Promise<CommandResult>;
}

/** Finds a way to become root; undefined if there is none. sudo may ask for a password only at a terminal. */
export async function findRoot(progress: Progress): Promise<Root | undefined> {
  if (process.getuid?.() === 0) return rootThrough([]);
  if ((await findOnPath('sudo')) === undefined) return undefined;
  const asks = process.stdin.isTTY === true;
  if (asks) progress.note('A Docker engine of our own needs root; sudo may ask for your password.');
  const allowed = await runCommand('sudo', asks ? ['-v'] : ['-n', 'true']);
  return allowed.code === 0 ? rootThrough(['sudo', '-n']) : undefined;
}

function rootThrough(prefix: readonly string[]): Root {
  return {
    prefix,
    run(command, args) {
      const [first = command, ...rest] = [...prefix, command, ...args];
      return runChecked(first, rest);
    },
  };
}
