import type { Progress } from '../output/progress.js';
import type { CommandResult } from './command.js';
import { findOnPath, runChecked, runCommand } from './command.js';

/** Runs commands that need root: directly where we are root, through sudo otherwise. */
export interface Root {
  /** What stands before a command so that it runs as root; empty where we are root. */
  readonly prefix: readonly string[];
  /** Runs a command as root. Rejects with a `CommandError` where its exit code is not 0. */
  run(command: string, args: readonly string[]): Promise<CommandResult>;
}

/** How to become root here, or undefined. sudo may ask for a password only where somebody is at the terminal. */
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
